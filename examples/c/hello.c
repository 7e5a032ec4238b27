// Says hello, with its first argument if there is one, and shows what it finds in /data.
#include <dirent.h>
#include <stdio.h>

int main(int argc, char **argv) {
    printf("Hello, %s, from a Keep!\n", argc > 1 ? argv[1] : "world");
    DIR *data = opendir("/data");
    if (data) {
        for (struct dirent *entry; (entry = readdir(data));) {
            if (entry->d_name[0] != '.') printf("/data has %s\n", entry->d_name);
        }
        closedir(data);
    }
    return 0;
}
