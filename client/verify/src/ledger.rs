//! The running account of an appraisal, and the only place where a verdict is made.

use crate::policy::Accept;
use crate::verdict::{Blame, Claims, Denied, Outcome, Record, Tee, Verdict, Verified};
use crate::{Step, UnixTime};

/// Why a step fails.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) found: String,
    pub(crate) expected: String,
    pub(crate) blame: Blame,
    pub(crate) remedy: &'static str,
}

impl Fault {
    pub(crate) fn new(
        blame: Blame,
        found: impl Into<String>,
        expected: impl Into<String>,
        remedy: &'static str,
    ) -> Self {
        Self { found: found.into(), expected: expected.into(), blame, remedy }
    }
}

/// What a step that does not fail says of itself.
pub(crate) enum Pass {
    /// It holds; what was found.
    Found(String),
    /// The policy waives it; what was found.
    Any(String),
}

impl Pass {
    pub(crate) fn found(text: impl Into<String>) -> Self {
        Self::Found(text.into())
    }
}

/// What a step comes to.
pub(crate) type Check = Result<Pass, Fault>;

pub(crate) struct Ledger {
    tee: Tee,
    at: UnixTime,
    simulated: bool,
    records: Vec<Record>,
}

impl Ledger {
    pub(crate) const fn new(tee: Tee, at: UnixTime) -> Self {
        Self { tee, at, simulated: false, records: Vec::new() }
    }

    /// Writes a step's result down.
    pub(crate) fn record(&mut self, step: Step, check: Check) {
        let (outcome, found, fault) = match check {
            Ok(Pass::Found(found)) => (Outcome::Passed, found, None),
            Ok(Pass::Any(found)) => (Outcome::Waived, found, None),
            Err(fault) => (Outcome::Failed, fault.found.clone(), Some(fault)),
        };
        let (expected, remedy, blame) = match fault {
            Some(fault) => (fault.expected, Some(fault.remedy), Some(fault.blame)),
            None => (String::new(), None, None),
        };
        self.records.push(Record { step, outcome, found, expected, remedy, blame });
    }

    /// Writes a step's result down and hands on what it yields, if it passed.
    pub(crate) fn yielding<T>(&mut self, step: Step, check: Result<(T, Pass), Fault>) -> Option<T> {
        match check {
            Ok((value, pass)) => {
                self.record(step, Ok(pass));
                Some(value)
            }
            Err(fault) => {
                self.record(step, Err(fault));
                None
            }
        }
    }

    /// Marks that a simulated root vouches.
    pub(crate) const fn simulated(&mut self) {
        self.simulated = true;
    }

    /// The verdict. A step of the list that nobody wrote down was not reached, and is no pass.
    pub(crate) fn finish(self, claims: Option<Claims>) -> Result<Verified, Denied> {
        let Self { tee, at, simulated, records } = self;
        let steps: Vec<_> = tee.steps().iter().map(|step| merged(*step, &records)).collect();
        let first = steps
            .iter()
            .find(|record| record.outcome == Outcome::Failed)
            .or_else(|| steps.iter().find(|record| record.outcome == Outcome::NotReached))
            .cloned();
        let verdict = Verdict { tee, at, trusted: first.is_none() && claims.is_some(), simulated, steps };
        match (first, claims) {
            (None, Some(claims)) => Ok(Verified { verdict, claims }),
            (first, _) => Err(Denied::new(first.unwrap_or_else(|| not_reached(Step::Format)), verdict)),
        }
    }
}

/// The records of a step as one: a failure outweighs all.
fn merged(step: Step, records: &[Record]) -> Record {
    let mut of_step = records.iter().filter(|record| record.step == step);
    let failed = of_step.clone().find(|record| record.outcome == Outcome::Failed);
    failed.or_else(|| of_step.next()).cloned().unwrap_or_else(|| not_reached(step))
}

const fn not_reached(step: Step) -> Record {
    Record {
        step,
        outcome: Outcome::NotReached,
        found: String::new(),
        expected: String::new(),
        remedy: None,
        blame: None,
    }
}

/// The check that a value is in the policy's list.
pub(crate) fn listed<T: PartialEq + core::fmt::Display>(
    what: &str,
    found: &T,
    accepted: &Accept<T>,
    blame: Blame,
    remedy: &'static str,
) -> Check {
    let text = format!("{what} {found}");
    match accepted {
        Accept::Any => Ok(Pass::Any(text)),
        Accept::Listed(list) if list.contains(found) => Ok(Pass::Found(text)),
        Accept::Listed(list) => Err(Fault::new(blame, text, expected(list), remedy)),
    }
}

fn expected<T: core::fmt::Display>(list: &[T]) -> String {
    match list {
        [] => "nothing: the policy's list is empty".to_owned(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} or one of {} others", rest.len()),
    }
}

/// Several checks as one step: it fails with the first, and is waived if all are.
pub(crate) fn all(checks: impl IntoIterator<Item = Check>) -> Check {
    let (mut waived, mut texts) = (true, Vec::new());
    for check in checks {
        match check? {
            Pass::Found(text) => {
                waived = false;
                texts.push(text);
            }
            Pass::Any(text) => texts.push(format!("{text} (any)")),
        }
    }
    let text = texts.join(", ");
    Ok(if waived { Pass::Any(text) } else { Pass::Found(text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims { measurement: String::new(), report_data: String::new(), platform: String::new() }
    }

    fn with(steps: impl IntoIterator<Item = Step>) -> Ledger {
        let mut ledger = Ledger::new(Tee::Snp, UnixTime(0));
        for step in steps {
            ledger.record(step, Ok(Pass::found("as it should be")));
        }
        ledger
    }

    #[test]
    fn a_step_that_nobody_wrote_down_is_no_pass() {
        let all = Tee::Snp.steps();
        assert!(with(all.iter().copied()).finish(Some(claims())).is_ok());
        for missing in all {
            let ledger = with(all.iter().copied().filter(|step| step != missing));
            let denied = ledger.finish(Some(claims())).expect_err("a step is missing");
            assert_eq!((denied.step(), denied.record().outcome), (*missing, Outcome::NotReached));
        }
        assert!(with(all.iter().copied()).finish(None).is_err());
    }

    #[test]
    fn a_failure_outweighs_a_pass_of_the_same_step() {
        let mut ledger = with(Tee::Snp.steps().iter().copied());
        ledger.record(Step::Debug, Err(Fault::new(Blame::Evidence, "on", "off", "turn it off")));
        let denied = ledger.finish(Some(claims())).expect_err("a step failed");
        assert_eq!(denied.to_string(), "denied at step debug: found on; expected off; turn it off");
    }
}
