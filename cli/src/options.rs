//! The command line.

use core::time::Duration;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use holdfast_client::config::{parse_duration, parse_size};
use holdfast_client::pack::Mapping;
use holdfast_engine::CpuLevel;

/// Runs WebAssembly in a Keep, where the owner of the machine can neither read nor change it.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = "Start with:  holdfast run app.wasm")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an application in a Keep
    Run(Box<Run>),
    /// Compile an application ahead of time
    Compile(Compile),
    /// Show which backends work on this machine, and what is missing for the others
    Platform(Platform),
    /// Write or check a configuration file
    #[command(subcommand)]
    Config(Config),
    /// Show or empty the cache of compiled applications
    #[command(subcommand)]
    Cache(Cache),
    /// Find out whether evidence of a TEE is to be trusted, and why
    Verify(Box<Verify>),
    /// Write or check a policy for `verify`
    #[command(subcommand)]
    Policy(Policy),
    /// Fetch what the vendors publish about their TEEs, and look after what is kept
    #[command(subcommand)]
    Collateral(Collateral),
    /// Look after the measurement database: what evidence may show, and who vouches for it
    Db(crate::db::options::Db),
    /// Explain what a TEE says of itself: SEV-SNP reports, SGX and TDX quotes
    #[command(subcommand)]
    Evidence(Evidence),
    /// Compute the measurement that genuine evidence of an image will show
    Measure(Box<Measure>),
}

const RUN_EXAMPLES: &str = "\
Examples:
  holdfast run hello.wasm
  holdfast run --env LANG=C tool.wasm -- --verbose
  holdfast run --dir ./data:/data:ro --dir ./results:/out:out report.wasm
  producer | holdfast run --timeout 1m --memory 2G filter.wasm > result

Exit status: the application's. 134 if it trapped, 124 after --timeout, 130 after Ctrl-C; 64 to 78 if it
could not run (see docs/exit-codes.md).";

#[derive(Args, Debug)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct Run {
    /// What the Keep is made of
    #[arg(long, value_enum, default_value_t)]
    pub(crate) backend: Backend,
    /// A variable of the application's environment; nothing is inherited
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) env: Vec<(String, String)>,
    /// A directory: its content is copied into the Keep. `ro`: the application cannot change it. `out`: what
    /// it changed is copied back at the end, all at once
    #[arg(long = "dir", value_name = "HOST:GUEST[:ro][:out]", value_parser = mapping)]
    pub(crate) dirs: Vec<Mapping>,
    /// Memory of the Keep, as in 512M or 2G: for the application, its files and the runtime [default: 1G]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) memory: Option<u64>,
    /// Threads (vCPUs) of the Keep [default: 4]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<u32>,
    /// End the application after this time, as in 1.5s or 2m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// End the application after this much computation, about one unit an instruction
    #[arg(long, value_name = "N")]
    pub(crate) fuel: Option<u64>,
    /// Take what is not on the command line from this file (Holdfast.toml or Enarx.toml)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print a summary as JSON on standard error at the end (docs/json.md)
    #[arg(long)]
    pub(crate) json: bool,
    /// Do not say that the Keep is not confidential
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// The application: .wasm (module or component), .wat, or .cwasm; all that follows are its arguments
    #[arg(value_name = "APP [ARGS]", required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

impl Run {
    pub(crate) fn application(&self) -> &Path {
        self.command.first().map_or(Path::new(""), Path::new)
    }

    /// The application's arguments after its name.
    ///
    /// # Errors
    /// The first that is not UTF-8, which WASI cannot pass on.
    pub(crate) fn arguments(&self) -> Result<Vec<String>, OsString> {
        let arguments = self.command.get(1..).unwrap_or_default();
        // The first `--` separates; it is not an argument.
        let own = arguments.strip_prefix(&["--".into()]).unwrap_or(arguments);
        own.iter().cloned().map(OsString::into_string).collect()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// KVM where it works, else a process
    #[default]
    Auto,
    /// A virtual machine; for development
    Kvm,
    /// A process under a system call filter; for development, where there is no KVM
    Process,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  holdfast compile app.wasm -o app.cwasm --cpu x86-64-v3")]
pub(crate) struct Compile {
    /// The application: .wasm or .wat
    #[arg(value_name = "APP")]
    pub(crate) application: PathBuf,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Which CPU it may count on: x86-64-v2, x86-64-v3, x86-64-v4, or native [default: the best named level
    /// of this machine]
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub(crate) cpu: Option<CpuLevel>,
    /// Make it countable, for `run --fuel`
    #[arg(long)]
    pub(crate) fuel: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Platform {
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Write a Holdfast.toml that lists every key
    Init {
        /// The file to write; it must not exist
        #[arg(default_value = "Holdfast.toml")]
        file: PathBuf,
    },
    /// Say whether a configuration file is right
    Check {
        /// Holdfast.toml or Enarx.toml
        #[arg(default_value = "Holdfast.toml")]
        file: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Cache {
    /// Where it is and how much is in it
    Show,
    /// Remove everything in it
    Clear,
}

/// Where collateral comes from.
#[derive(Args, Debug)]
pub(crate) struct Services {
    /// Where fetched collateral is kept [default: the user's cache]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cache: Option<PathBuf>,
    /// Fetch nothing; what is kept serves, however old
    #[arg(long)]
    pub(crate) offline: bool,
    /// Fetch all of it, though it is kept
    #[arg(long, conflicts_with = "offline")]
    pub(crate) refresh: bool,
    /// AMD's key distribution service, or one with its interface
    #[arg(long, value_name = "URL")]
    pub(crate) kds: Option<String>,
    /// Intel's provisioning certification service, or a caching one with its interface
    #[arg(long, value_name = "URL")]
    pub(crate) pcs: Option<String>,
    /// Where Intel's root has its revocation list
    #[arg(long, value_name = "URL")]
    pub(crate) pcs_certificates: Option<String>,
    /// The processor's generation, for a report of version 2, which does not tell it
    #[arg(long, value_enum)]
    pub(crate) generation: Option<Generation>,
}

/// A generation of AMD's processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Generation {
    Milan,
    Genoa,
    Turin,
}

impl From<Generation> for holdfast_evidence::snp::Generation {
    fn from(generation: Generation) -> Self {
        match generation {
            Generation::Milan => Self::Milan,
            Generation::Genoa => Self::Genoa,
            Generation::Turin => Self::Turin,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Collateral {
    /// Fetch what evidence needs, and keep it
    Fetch {
        /// The SEV-SNP report, SGX or TDX quote, or the envelope or certificate that carries it
        file: PathBuf,
        #[command(flatten)]
        services: Box<Services>,
        /// Also write it into this folder, for `verify --collateral`
        #[arg(long, short, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
    /// Show what is kept
    Show {
        /// Where it is kept [default: the user's cache]
        #[arg(long, value_name = "FOLDER")]
        cache: Option<PathBuf>,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove what is kept
    Prune {
        /// Where it is kept [default: the user's cache]
        #[arg(long, value_name = "FOLDER")]
        cache: Option<PathBuf>,
        /// Only what was fetched longer ago than this, as in 12h
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        older: Option<Duration>,
    },
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  holdfast policy init policy.toml      # then fill in what you accept
  holdfast verify report.bin --policy policy.toml --collateral fetch
  holdfast verify report.bin --policy policy.toml --collateral certs/
  holdfast verify report.bin --policy policy.toml --collateral fetch --db default
  holdfast verify quote.bin --policy policy.toml --collateral bundle.json --at 2025-08-30T00:00:00Z
  holdfast verify server.pem --policy policy.toml --collateral fetch

Exit status: 0 if the evidence is to be trusted, 77 if it is denied; 64 to 78 if it could not be appraised
(see docs/exit-codes.md).";

#[derive(Args, Debug)]
#[command(after_help = VERIFY_EXAMPLES)]
pub(crate) struct Verify {
    /// The SEV-SNP report, SGX or TDX quote, as the TEE gave it; or an envelope (RFC 9999) or a certificate (PEM or
    /// DER) that carries one. Evidence in a certificate must be for the certificate's key; the certificate's
    /// names, dates and signature are not looked at. `-` for standard input
    pub(crate) file: PathBuf,
    /// What is accepted; `holdfast policy init` writes one to fill in
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// What the vendor publishes: `fetch`, a folder (vcek.der, ask.der, crl.der; or collateral.json), a JSON
    /// bundle, or the certificate table of an SNP host. Without it what came with the evidence serves, and each
    /// step that needs what is missing fails
    #[arg(long, value_name = "fetch|PATH")]
    pub(crate) collateral: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) services: Services,
    /// Take the measurements and machines that are accepted from this database (see `holdfast db`); the policy's
    /// own lists of measurements must be empty
    #[arg(long, value_name = "default|FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Appraise for this time, as in 2025-08-30T00:00:00Z or in seconds since 1970 [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<holdfast_verify::UnixTime>,
    /// The 64 bytes in hex that the evidence must bind, in place of the policy's `report_data`. Evidence in a
    /// certificate must bind the certificate's key as well
    #[arg(long, value_name = "HEX", value_parser = report_data)]
    pub(crate) report_data: Option<ReportData>,
    /// Print as JSON
    #[arg(long, conflicts_with = "ear")]
    pub(crate) json: bool,
    /// Print as an EAT attestation result (draft-ietf-rats-ear): a JWT, unsecured unless there is a key
    #[arg(long)]
    pub(crate) ear: bool,
    /// Sign the attestation result with this key: PKCS #8 in PEM, for P-384 or Ed25519
    #[arg(long, value_name = "FILE", requires = "ear")]
    pub(crate) ear_key: Option<PathBuf>,
}

/// REPORT_DATA.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReportData(pub(crate) [u8; 64]);

fn report_data(text: &str) -> Result<ReportData, String> {
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().as_chunks::<2>().0;
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[a, b]| Some(digit(*a)? << 4 | digit(*b)?)).collect();
    let bytes = bytes.filter(|_| text.len() == 128).and_then(|bytes| bytes.try_into().ok());
    bytes.map(ReportData).ok_or_else(|| "write 64 bytes as 128 hexadecimal digits".into())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Write a strict policy with comments, which accepts nothing until its lists are filled in
    Init {
        /// The file to write; it must not exist
        #[arg(default_value = "policy.toml")]
        file: PathBuf,
    },
    /// Say whether a policy can be used
    Check {
        /// The policy
        #[arg(default_value = "policy.toml")]
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Evidence {
    /// Print every field in words, without deciding anything
    Show {
        /// The report or quote, as the TEE gave it, or what carries it; `-` for standard input
        file: PathBuf,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
}

/// A kind of TEE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tee {
    /// AMD SEV-SNP: MEASUREMENT, the launch digest
    Snp,
    /// Intel TDX: MRTD
    Tdx,
    /// Intel SGX: MRENCLAVE
    Sgx,
}

/// Who launches an SNP guest that starts with OVMF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Machine {
    /// QEMU with KVM
    #[default]
    Qemu,
    /// Amazon EC2
    Ec2,
    /// Google Compute Engine
    Gce,
}

const MEASURE_EXAMPLES: &str = "\
Examples:
  holdfast measure --tee snp --simulated
  holdfast measure OVMF.fd --tee snp --vcpus 4 --vcpu-model EPYC-Genoa --kernel vmlinuz --append console=ttyS0
  holdfast measure OVMF.fd --tee tdx --json";

#[derive(Args, Debug)]
#[command(after_help = MEASURE_EXAMPLES)]
pub(crate) struct Measure {
    /// A keep image or an OVMF firmware [default: the keep image in this command]
    pub(crate) image: Option<PathBuf>,
    /// For which TEE
    #[arg(long, value_enum)]
    pub(crate) tee: Tee,
    /// vCPUs (threads)
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) vcpus: u32,
    /// Memory of the Keep [default: 1G]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) memory: Option<u64>,
    /// SEV_FEATURES of an SNP guest's vCPUs [default: 0x1]
    #[arg(long, value_name = "BITS", value_parser = bits)]
    pub(crate) sev_features: Option<u64>,
    /// Who launches an SNP guest that starts with OVMF
    #[arg(long, value_enum, default_value_t)]
    pub(crate) vmm: Machine,
    /// The vCPU model of a QEMU guest: QEMU's name of it, or the signature in CPUID leaf 1 (0x...)
    #[arg(long, value_name = "MODEL", default_value = "EPYC-Milan")]
    pub(crate) vcpu_model: String,
    /// The kernel that the VMM loads, for SNP
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: Option<PathBuf>,
    /// The initial RAM disk that the VMM loads
    #[arg(long, value_name = "FILE", requires = "kernel")]
    pub(crate) initrd: Option<PathBuf>,
    /// The kernel's command line
    #[arg(long, value_name = "TEXT", default_value = "", requires = "kernel")]
    pub(crate) append: String,
    /// The Coconut SVSM under which the firmware runs, for SNP
    #[arg(long, value_name = "FILE", conflicts_with = "kernel")]
    pub(crate) svsm: Option<PathBuf>,
    /// Bytes of variables between SVSM and firmware
    #[arg(long, value_name = "BYTES", default_value_t = 0, requires = "svsm")]
    pub(crate) variables: u64,
    /// TDX: all pages of a section are added before they are measured, as kernels before 6.16 did
    #[arg(long)]
    pub(crate) two_pass: bool,
    /// Of a keep image, what the backends kvm (snp, tdx) and process (sgx) launch. They are no TEEs: only SIMULATED
    /// evidence shows this value
    #[arg(long)]
    pub(crate) simulated: bool,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A number in decimal, or in hexadecimal behind `0x`.
fn bits(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "write a number, as in 0x21".into())
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write NAME=VALUE".into()),
    }
}

/// Host paths with a colon in them can be given in a configuration file.
fn mapping(text: &str) -> Result<Mapping, String> {
    let mut parts = text.split(':');
    let (Some(host), Some(guest)) = (parts.next(), parts.next()) else {
        return Err("write HOST:GUEST, as in ./data:/data".into());
    };
    if host.is_empty() || guest.is_empty() {
        return Err("neither HOST nor GUEST may be empty".into());
    }
    let mut mapping = Mapping { host: host.into(), guest: guest.into(), read_only: false, out: false };
    for flag in parts {
        match flag {
            "ro" => mapping.read_only = true,
            "out" => mapping.out = true,
            other => return Err(format!("{other:?} is neither `ro` nor `out`")),
        }
    }
    if mapping.read_only && mapping.out {
        return Err("what cannot be changed (ro) has nothing to bring back (out)".into());
    }
    Ok(mapping)
}

fn level(text: &str) -> Result<CpuLevel, String> {
    CpuLevel::from_name(text)
        .ok_or_else(|| "the levels are x86-64-v2, x86-64-v3, x86-64-v4 and native".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn directories() {
        let plain = Mapping { host: "a".into(), guest: "/b".into(), read_only: false, out: false };
        assert_eq!(mapping("a:/b"), Ok(plain.clone()));
        assert_eq!(mapping("a:/b:ro"), Ok(Mapping { read_only: true, ..plain.clone() }));
        assert_eq!(mapping("a:/b:out"), Ok(Mapping { out: true, ..plain }));
        for wrong in ["a", "a:", ":/b", "a:/b:rw", "a:/b:ro:out"] {
            assert!(mapping(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_follows_the_application_is_its_own() {
        let cli = Cli::try_parse_from(["holdfast", "run", "-q", "app.wasm", "--json", "--", "-x"]).unwrap();
        let Command::Run(run) = cli.command else { panic!("{cli:?}") };
        assert!(run.quiet && !run.json);
        assert_eq!(run.application(), Path::new("app.wasm"));
        assert_eq!(run.arguments().unwrap(), ["--json", "--", "-x"]);
        let cli = Cli::try_parse_from(["holdfast", "run", "app.wasm", "--", "--json"]).unwrap();
        let Command::Run(run) = cli.command else { panic!("{cli:?}") };
        assert_eq!(run.arguments().unwrap(), ["--json"]);
        assert!(Cli::try_parse_from(["holdfast", "run", "--no-such", "app.wasm"]).is_err());
    }
}
