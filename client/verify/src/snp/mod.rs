//! SEV-SNP reports.

mod chain;
mod demands;
mod report;
mod vek;

pub(crate) use demands::report_data;

use holdfast_evidence::x509::Binding;

use crate::ledger::{Fault, Ledger, Pass};
use crate::policy::hex;
use crate::verdict::{Blame, Claims, Tee};
use crate::{AmdCollateral, Collateral, Denied, Policy, Step, UnixTime, Verified};

/// Appraises a report.
pub(crate) fn appraise(
    bytes: &[u8],
    binding: Option<&Binding>,
    collateral: &Collateral,
    policy: &Policy,
    now: UnixTime,
) -> Result<Verified, Denied> {
    let mut ledger = Ledger::new(Tee::Snp, now);
    let demands = ledger.yielding(
        Step::Policy,
        policy.snp.as_ref().map(|snp| (snp, Pass::found("[snp]"))).ok_or_else(|| {
            Fault::new(
                Blame::Policy,
                "no [snp]",
                "[snp]",
                "write the section, if you accept SEV-SNP evidence",
            )
        }),
    );
    let report = ledger.yielding(Step::Format, report::format(bytes));
    let none = AmdCollateral::default();
    let certificates = match collateral {
        Collateral::Amd(amd) => amd,
        Collateral::Intel(_) | Collateral::None => &none,
    };
    let revocation = demands.map(|demands| demands.revocation);
    let chain = chain::check(&mut ledger, certificates, &policy.insecure, revocation, now);

    let Some(report) = report else { return ledger.finish(None) };
    ledger.record(Step::Reserved, report::reserved(&report, chain.generation));
    ledger.record(Step::Debug, demands::debug(&report));
    ledger.record(Step::Migration, demands::migration(&report));
    ledger.record(Step::ReportData, demands::report_data(&report.report_data, binding, policy));
    if let Some(vek) = &chain.vek {
        ledger.record(Step::Signature, report::signature(bytes, &report, vek));
        if let Some(generation) = chain.generation {
            ledger.record(Step::Generation, report::generation(&report, vek, generation));
            ledger.record(Step::TcbBinding, report::tcb_binding(&report, vek, generation));
        }
    }
    if let Some(demands) = demands {
        if let Some(vek) = &chain.vek {
            ledger.record(Step::SigningKey, report::signing_key(&report, &chain, vek, demands));
            if let Some(generation) = chain.generation {
                ledger.record(Step::ChipBinding, report::chip_binding(&report, vek, generation, demands));
            }
        }
        if let Some(generation) = chain.generation {
            ledger.record(Step::Tcb, demands::tcb(&report, generation, demands));
        }
        ledger.record(Step::Firmware, demands::firmware(&report, demands));
        ledger.record(Step::Attributes, demands::guest_policy(&report, demands));
        ledger.record(Step::Vmpl, demands::vmpl(&report, demands));
        ledger.record(Step::PlatformInfo, demands::platform_info(&report, demands));
        ledger.record(Step::Mitigations, demands::mitigations(&report, demands));
        ledger.record(Step::PlatformIdentity, demands::platform(&report, demands));
        ledger.record(Step::Measurement, demands::measurement(&report, demands));
        ledger.record(Step::Signer, demands::signer(&report, demands));
        ledger.record(Step::Configuration, demands::configuration(&report, demands));
    }
    ledger.finish(Some(Claims {
        measurement: hex(&report.measurement),
        report_data: hex(&report.report_data),
        platform: if report.chip_id == [0; 64] { String::new() } else { hex(&report.chip_id) },
    }))
}
