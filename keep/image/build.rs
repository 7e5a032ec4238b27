//! Builds the keep image: two programs, linked against nothing but this workspace, packed into one file.
//!
//! The result depends on sources, lock file and toolchain only: no path of the machine enters it.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Names a keep image to carry instead of building one.
const PREBUILT: &str = "HOLDFAST_KEEP_IMAGE";

/// What the image is made of; tests and benches of these crates are not.
const SOURCES: [&str; 21] = [
    "common/engine/Cargo.toml",
    "common/engine/src",
    "common/gate/Cargo.toml",
    "common/gate/src",
    "common/launch/Cargo.toml",
    "common/launch/src",
    "common/protocol/Cargo.toml",
    "common/protocol/src",
    "keep/runtime/Cargo.toml",
    "keep/runtime/src",
    "keep/selftest/Cargo.toml",
    "keep/selftest/src",
    "keep/shim/Cargo.toml",
    "keep/shim/src",
    "keep/stage0/Cargo.toml",
    "keep/stage0/src",
    "keep/image/build.rs",
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "keep/image/Cargo.toml",
];

/// What a static program asks of the platform's linker search path. Empty: all of it comes from the shim.
const NO_LIBRARIES: [&str; 8] = ["c", "m", "gcc", "gcc_eh", "pthread", "rt", "dl", "util"];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("no workspace")?.to_path_buf();
    for path in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    // <target>/<profile>/build/<package>/out
    let target = out.ancestors().nth(4).ok_or("OUT_DIR is not where cargo puts it")?.join("keep-image");
    let libraries = target.join("no-libraries");
    fs::create_dir_all(&libraries)?;
    for name in NO_LIBRARIES {
        fs::write(libraries.join(format!("lib{name}.a")), "!<arch>\n")?;
    }
    let build = Build { root, target, libraries };

    // Who packages Holdfast may build the image once and give it to other builds.
    println!("cargo::rerun-if-env-changed={PREBUILT}");
    let image = match env::var_os(PREBUILT) {
        Some(prebuilt) => {
            println!("cargo::rerun-if-changed={}", prebuilt.display());
            fs::read(prebuilt)?
        }
        None => build.image("holdfast-runtime")?,
    };
    holdfast_launch::Image::parse(&image)?;
    fs::write(out.join("holdfast-keep.elf"), image)?;
    if env::var_os("CARGO_FEATURE_SELFTEST").is_some() {
        fs::write(out.join("holdfast-selftest.elf"), build.image("holdfast-selftest")?)?;
    }
    Ok(())
}

struct Build {
    root: PathBuf,
    target: PathBuf,
    libraries: PathBuf,
}

impl Build {
    /// Builds stage 0 and a body, and packs them.
    fn image(&self, body: &str) -> Result<Vec<u8>, Box<dyn Error>> {
        let stage0 =
            self.program("holdfast-stage0", &["--features", "image"], Some("HOLDFAST_STAGE0_HEADER"))?;
        let body = self.program(body, &["--bin", body], None)?;
        Ok(holdfast_launch::pack::pack(&fs::read(stage0)?, &fs::read(body)?)?)
    }

    /// Builds one program of the image and returns where it is.
    fn program(
        &self,
        package: &str,
        options: &[&str],
        entry: Option<&str>,
    ) -> Result<PathBuf, Box<dyn Error>> {
        let cargo = env::var_os("CARGO").ok_or("CARGO is not set")?;
        let mut command = Command::new(cargo);
        command.current_dir(&self.root).args(["build", "--locked", "--profile", "keep", "--target", TARGET]);
        command.args(["--package", package]).args(options).arg("--target-dir").arg(&self.target);
        // What the outer cargo set is for another target.
        for (name, _) in env::vars_os() {
            let name_text = name.to_string_lossy();
            let inherited = [
                "CARGO_CFG_",
                "CARGO_FEATURE_",
                "CARGO_PKG_",
                "CARGO_PROFILE_",
                "CARGO_TARGET_",
                "CARGO_BUILD_",
            ];
            if inherited.iter().any(|prefix| name_text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "TARGET",
            "HOST",
            "PROFILE",
            "OPT_LEVEL",
            "DEBUG",
            "NUM_JOBS",
            "CARGO_MAKEFLAGS",
        ] {
            command.env_remove(name);
        }
        command.env("CARGO_ENCODED_RUSTFLAGS", self.flags(entry)?);
        let status = command.status()?;
        if !status.success() {
            return Err(format!("building {package} for the keep image failed ({status})").into());
        }
        Ok(self.target.join(TARGET).join("keep").join(package))
    }

    fn flags(&self, entry: Option<&str>) -> Result<OsString, Box<dyn Error>> {
        let mut flags: Vec<OsString> = [
            "--cfg=holdfast_keep",
            "--cfg=rustix_use_libc",
            "-Ctarget-cpu=x86-64-v2",
            "-Ctarget-feature=+crt-static",
            "-Crelocation-model=pie",
            "-Clink-arg=-nostdlib",
            "-Clink-arg=-nostartfiles",
            "-Clink-arg=-Wl,-z,separate-code,-z,max-page-size=4096,-z,relro,-z,now",
            "-Clink-arg=-Wl,--gc-sections,--build-id=none,--no-dynamic-linker",
        ]
        .map(OsString::from)
        .into();
        if let Some(entry) = entry {
            flags.push(format!("-Clink-arg=-Wl,--entry={entry}").into());
        }
        let with_path = |prefix: &str, path: &Path, suffix: &str| {
            let mut flag = OsString::from(prefix);
            flag.push(path);
            flag.push(suffix);
            flag
        };
        flags.push(with_path("-Lnative=", &self.libraries, ""));
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(env::home_dir()?.join(".cargo"))).ok_or("no home directory")?;
        // The registry's folder carries the name of its index; behind it crate names and versions follow.
        for entry in fs::read_dir(home.join("registry/src")).into_iter().flatten() {
            flags.push(with_path("--remap-path-prefix=", &entry?.path(), "=/crates"));
        }
        flags.push(with_path("--remap-path-prefix=", &self.root, "=/holdfast"));
        flags.push(with_path("--remap-path-prefix=", &self.target, "=/target"));
        Ok(flags.join(std::ffi::OsStr::new("\x1f")))
    }
}
