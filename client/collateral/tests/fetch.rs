//! Fetching from the simulated services.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_collateral::{Cache, FetchError, Fetcher, Mode, Patience, Platform, Sources};
use holdfast_evidence::quote::Quote;
use holdfast_evidence::snp::{Generation, Report};
use holdfast_sim::Seed;
use holdfast_sim::amd::{self, Amd, Key};
use holdfast_sim::intel::{self, Enclave, Form, Intel, PckCa, Td};
use holdfast_sim::service::{Server, Service, Trouble};

/// 2026-11-23.
const NOW: u64 = 1_795_392_000;
const DAY: u64 = 86_400;
const SEED: Seed = Seed([7; 32]);
const MILAN: Generation = Generation::Milan;

/// A server, a folder, and the waits that were asked for.
struct World {
    server: Server,
    folder: tempfile::TempDir,
    waits: Arc<Mutex<Vec<u64>>>,
}

impl World {
    fn new(ca: PckCa) -> Self {
        let server = Server::start(Service::new(ca, SEED), NOW).expect("a port");
        Self { server, folder: tempfile::tempdir().expect("a folder"), waits: Arc::default() }
    }

    fn cache(&self) -> Cache {
        Cache::open(self.folder.path()).expect("a folder")
    }

    fn fetcher(&self, mode: Mode) -> Fetcher {
        let origin = self.server.origin();
        let sources = Sources { kds: origin.clone(), pcs: origin.clone(), certificates: origin };
        let patience =
            Patience { attempts: 3, first: Duration::from_secs(1), longest: Duration::from_secs(60) };
        let waits = Arc::clone(&self.waits);
        Fetcher::new(sources, self.cache(), mode).patience(patience, move |wait| {
            waits.lock().expect("waits").push(wait.as_secs());
        })
    }

    fn waits(&self) -> Vec<u64> {
        std::mem::take(&mut self.waits.lock().expect("waits"))
    }
}

fn report(generation: Generation, version: u32, key: Key) -> (Report, amd::Evidence) {
    let claims = amd::Claims { version, key, report_data: [1; 64], measurement: [2; 48] };
    let evidence = Amd::new(generation, SEED).issue(&claims, NOW, None);
    (Report::parse(&evidence.report).expect("a report"), evidence)
}

#[test]
fn what_is_fetched_is_what_the_evidence_needs() {
    let world = World::new(PckCa::Platform);
    for (generation, key) in
        [(MILAN, Key::Vcek), (Generation::Turin, Key::Vcek), (Generation::Genoa, Key::Vlek)]
    {
        let (report, evidence) = report(generation, 3, key);
        let fetched = world.fetcher(Mode::Kept).amd(&report, generation, NOW).expect("collateral");
        assert_eq!(fetched.vek, (key == Key::Vcek).then_some(evidence.vek));
        assert_eq!(
            (fetched.intermediate, fetched.root, fetched.crl),
            (evidence.intermediate, evidence.root, evidence.crl)
        );
    }
}

#[test]
fn a_quotes_collateral_is_its_platforms() {
    let enclave = Enclave { mr_enclave: [1; 32], mr_signer: [2; 32], isv_prod_id: 3, isv_svn: 4 };
    let td = Td { mr_td: [1; 48], rtmr: [[2; 48]; 4] };
    for ca in [PckCa::Processor, PckCa::Platform] {
        let world = World::new(ca);
        for form in [Form::SgxV3(enclave), Form::TdxV5Td15(td)] {
            let claims = intel::Claims { form, report_data: [1; 64] };
            let evidence = Intel::new(ca, SEED).issue(&claims, NOW, None);
            let quote = Quote::parse(&evidence.quote).expect("a quote");
            let platform = Platform::of(&quote).expect("a PCK certificate");
            let fetched = world.fetcher(Mode::Kept).intel(&platform, NOW).expect("collateral");
            let expected = evidence.collateral;
            assert_eq!(fetched.pck_crl_issuer_chain, expected.pck_crl_issuer_chain);
            assert_eq!(fetched.root_ca_crl, expected.root_ca_crl);
            assert_eq!(fetched.pck_crl, expected.pck_crl);
            assert_eq!(fetched.tcb_info_issuer_chain, expected.tcb_info_issuer_chain);
            assert_eq!(fetched.tcb_info, expected.tcb_info);
            assert_eq!(fetched.tcb_info_signature, expected.tcb_info_signature);
            assert_eq!(fetched.qe_identity_issuer_chain, expected.qe_identity_issuer_chain);
            assert_eq!(fetched.qe_identity, expected.qe_identity);
            assert_eq!(fetched.qe_identity_signature, expected.qe_identity_signature);
        }
    }
}

#[test]
fn what_is_kept_is_not_asked_for_again_until_it_is_old() {
    let world = World::new(PckCa::Platform);
    let (report, _) = report(MILAN, 3, Key::Vcek);
    let fetch = |mode, now| world.fetcher(mode).amd(&report, MILAN, now).expect("collateral");
    let first = fetch(Mode::Kept, NOW);
    assert_eq!(world.server.take_requests().len(), 3);
    assert_eq!(fetch(Mode::Kept, NOW + DAY - 1), first);
    assert_eq!(world.server.take_requests(), [""; 0]);
    fetch(Mode::Kept, NOW + DAY);
    assert_eq!(world.server.take_requests(), ["/vcek/v1/Milan/crl"]);
    fetch(Mode::Refresh, NOW + DAY);
    assert_eq!(world.server.take_requests().len(), 3);
    // A clock that was put back does not make what is kept last longer.
    fetch(Mode::Kept, NOW - DAY);
    assert_eq!(world.server.take_requests().len(), 3);
}

#[test]
fn offline_what_is_kept_serves_and_nothing_is_asked() {
    let world = World::new(PckCa::Platform);
    let (report, _) = report(MILAN, 3, Key::Vcek);
    let offline = |now| world.fetcher(Mode::Offline).amd(&report, MILAN, now);
    assert!(matches!(offline(NOW), Err(FetchError::Offline { .. })));
    let online = world.fetcher(Mode::Kept).amd(&report, MILAN, NOW).expect("collateral");
    world.server.take_requests();
    let kept = offline(NOW + 1000 * DAY).expect("kept");
    assert_eq!((kept.oldest, &kept), (NOW, &online));
    assert_eq!(world.server.take_requests(), [""; 0]);
}

#[test]
fn a_rate_limit_is_honoured() {
    let world = World::new(PckCa::Platform);
    let (report, _) = report(MILAN, 3, Key::Vcek);
    let fetch = || world.fetcher(Mode::Refresh).amd(&report, MILAN, NOW);
    world.server.trouble([Trouble::TooManyRequests(17), Trouble::Unavailable]);
    fetch().expect("collateral in the end");
    // As long as the service says; then twice the first wait.
    assert_eq!(world.waits(), [17, 2]);
    // Longer than there is patience: no waiting at all, and the caller is told when.
    world.server.trouble([Trouble::TooManyRequests(3600)]);
    match fetch() {
        Err(FetchError::Busy { status: 429, retry_after, .. }) => {
            assert_eq!(retry_after, Some(Duration::from_secs(3600)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.waits(), [0; 0]);
}

#[test]
fn broken_answers_are_asked_for_again_and_never_kept() {
    let world = World::new(PckCa::Platform);
    let (report, _) = report(MILAN, 3, Key::Vcek);
    world.server.trouble([Trouble::HalfBody, Trouble::HangUp]);
    world.fetcher(Mode::Kept).amd(&report, MILAN, NOW).expect("collateral in the end");
    assert_eq!(world.waits(), [1, 2]);

    world.server.trouble([Trouble::HalfBody; 3]);
    let refused = world.fetcher(Mode::Refresh).amd(&report, MILAN, NOW);
    assert!(matches!(refused, Err(FetchError::Malformed { .. })), "{refused:?}");
    world.fetcher(Mode::Offline).amd(&report, MILAN, NOW).expect("the good answers are still there");
}

#[test]
fn an_old_answer_serves_if_there_is_no_new_one() {
    let world = World::new(PckCa::Platform);
    let (report, _) = report(MILAN, 3, Key::Vcek);
    world.fetcher(Mode::Kept).amd(&report, MILAN, NOW).expect("collateral");
    world.server.trouble([Trouble::Unavailable; 3]);
    let later = world.fetcher(Mode::Kept).amd(&report, MILAN, NOW + 2 * DAY).expect("the old one");
    assert_eq!(later.oldest, NOW);
    world.server.trouble([Trouble::Unavailable; 3]);
    let refused = world.fetcher(Mode::Refresh).amd(&report, MILAN, NOW + 2 * DAY);
    assert!(matches!(refused, Err(FetchError::Busy { status: 503, retry_after: None, .. })), "{refused:?}");
}

#[test]
fn an_unknown_chip_is_not_asked_for_twice() {
    let world = World::new(PckCa::Platform);
    let (mut report, _) = report(MILAN, 3, Key::Vcek);
    report.chip_id[0] ^= 1;
    let refused = world.fetcher(Mode::Kept).amd(&report, MILAN, NOW);
    assert!(matches!(refused, Err(FetchError::NotFound { .. })), "{refused:?}");
    assert_eq!(world.server.take_requests().len(), 1);
    report.chip_id = [0; 64];
    let refused = world.fetcher(Mode::Kept).amd(&report, MILAN, NOW);
    assert!(matches!(refused, Err(FetchError::Evidence(_))), "{refused:?}");
    assert_eq!(world.server.take_requests(), [""; 0]);
}

#[test]
fn a_damaged_file_is_as_none() {
    let world = World::new(PckCa::Platform);
    let (report, _) = report(MILAN, 3, Key::Vcek);
    let fetch = || world.fetcher(Mode::Kept).amd(&report, MILAN, NOW).expect("collateral");
    let good = fetch();
    world.server.take_requests();
    for file in std::fs::read_dir(world.folder.path()).expect("a folder") {
        let path = file.expect("a file").path();
        let bytes = std::fs::read(&path).expect("a file");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("a file");
    }
    assert_eq!(fetch(), good);
    assert_eq!(world.server.take_requests().len(), 3);
}

#[test]
fn what_is_kept_can_be_listed_and_pruned() {
    let world = World::new(PckCa::Platform);
    let (report, _) = report(MILAN, 3, Key::Vcek);
    world.fetcher(Mode::Kept).amd(&report, MILAN, NOW).expect("collateral");
    world.fetcher(Mode::Kept).amd(&report, MILAN, NOW + DAY).expect("collateral");
    let cache = world.cache();
    let entries = cache.entries().expect("a folder");
    assert_eq!(entries.len(), 3);
    assert!(entries.iter().all(|entry| entry.url.starts_with(&world.server.origin())));
    assert_eq!(cache.prune(NOW + 1).expect("a folder"), 2);
    assert!(cache.entries().expect("a folder").iter().all(|entry| entry.url.ends_with("/crl")));
    assert_eq!(cache.prune(NOW + 2 * DAY).expect("a folder"), 1);
    assert_eq!(cache.entries().expect("a folder"), []);
}
