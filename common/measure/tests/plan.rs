//! Measurements of launch plans: against an independent implementation, and what is refused.

#[path = "support/oracle.rs"]
mod oracle;

use holdfast_launch::plan::{Kind, MachineRegisters, ProcessRegisters, Region, Segment, Start};
use holdfast_launch::{LaunchPlan, Platform, Shape};
use holdfast_measure::PAGE;
use holdfast_measure::plan::{
    PlanError, SgxProfile, SnpProfile, sgx_mrenclave, simulated_sgx_mrenclave, simulated_snp_digest,
    simulated_tdx_mrtd, snp_digest, tdx_mrtd,
};
use holdfast_measure::sgx::MrenclaveError;
use proptest::collection::vec;
use proptest::prelude::*;

const P: u64 = PAGE as u64;
/// Above all regions that are made here.
const ABOVE: u64 = 1 << 40;

fn shape(platform: Platform, vcpus: usize) -> Shape {
    Shape { platform, vcpus: vcpus as u32, memory: 32 << 20 }
}

/// Up to four regions from `base` on, with gaps; the first is measured.
fn regions(base: u64) -> impl Strategy<Value = Vec<Region>> {
    let kind = prop_oneof![3 => Just(Kind::Measured), 1 => Just(Kind::Memory)];
    let region = (0_u64..3, 1_u64..4, vec(any::<u8>(), 0..2 * PAGE), kind, 0_u64..8);
    vec(region, 1..4).prop_map(move |parts| {
        let mut next = base;
        let mut regions: Vec<Region> = Vec::new();
        for (gap, pages, mut content, kind, permissions) in parts {
            let (address, kind) =
                if regions.is_empty() { (base, Kind::Measured) } else { (next + gap * P, kind) };
            let length = pages * P;
            content.truncate(if kind == Kind::Measured { length as usize } else { 0 });
            next = address + length;
            regions.push(Region { address, length, content, kind, permissions });
        }
        regions
    })
}

fn segment() -> impl Strategy<Value = Segment> {
    (any::<(u16, u64, u32, u8, bool)>(), any::<bool>()).prop_map(
        |((selector, base, limit, access, long), small)| {
            let limit = if small { limit % (1 << 21) } else { limit };
            Segment { selector, base, limit, access, long }
        },
    )
}

fn registers() -> impl Strategy<Value = MachineRegisters> {
    let numbers = any::<[u64; 9]>();
    (numbers, segment(), segment(), segment(), any::<[(u64, u16); 2]>()).prop_map(
        |([rip, rsp, rdi, rflags, cr0, cr3, cr4, efer, xcr0], cs, ds, tr, [gdt, idt])| MachineRegisters {
            rip,
            rsp,
            rdi,
            rflags,
            cr0,
            cr3,
            cr4,
            efer,
            xcr0,
            cs,
            ds,
            tr,
            gdt,
            idt,
        },
    )
}

fn machine() -> impl Strategy<Value = LaunchPlan> {
    (regions(0x10_0000), vec(registers(), 1..4))
        .prop_map(|(regions, vcpus)| LaunchPlan { regions, start: Start::Machine(vcpus) })
}

fn process(base: u64) -> impl Strategy<Value = LaunchPlan> {
    regions(base).prop_map(|regions| LaunchPlan {
        regions,
        start: Start::Process(ProcessRegisters { rip: 0, rsp: 0 }),
    })
}

fn vcpus(plan: &LaunchPlan) -> usize {
    match &plan.start {
        Start::Machine(vcpus) => vcpus.len(),
        Start::Process(_) => 1,
    }
}

/// The page in which a TD starts.
fn reset_page(content: u8) -> Region {
    Region {
        address: 0xffff_f000,
        length: P,
        content: vec![content; PAGE],
        kind: Kind::Measured,
        permissions: 5,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn snp_equals_the_slow_one(plan in machine(), sev_features: u64, xcr0: u64) {
        let profile = SnpProfile { sev_features, xcr0, secrets: Some(ABOVE), cpuid: Some(ABOVE + P) };
        let found = snp_digest(&plan, &shape(Platform::Machine, vcpus(&plan)), &profile).expect("a digest");
        prop_assert_eq!(found.0.to_vec(), oracle::snp(&plan, sev_features, xcr0, Some((ABOVE, ABOVE + P))));
        let profile = SnpProfile { secrets: None, cpuid: None, ..profile };
        let found = simulated_snp_digest(&plan, &shape(Platform::Machine, vcpus(&plan)), &profile).expect("a digest");
        prop_assert_eq!(found.0.to_vec(), oracle::snp(&plan, sev_features, xcr0, None));
    }

    #[test]
    fn tdx_equals_the_slow_one(mut plan in machine(), content: u8) {
        let found = simulated_tdx_mrtd(&plan, &shape(Platform::Machine, vcpus(&plan))).expect("an MRTD");
        prop_assert_eq!(found.0.to_vec(), oracle::tdx(&plan));
        plan.regions.push(reset_page(content));
        let found = tdx_mrtd(&plan, &shape(Platform::Machine, vcpus(&plan))).expect("an MRTD");
        prop_assert_eq!(found.0.to_vec(), oracle::tdx(&plan));
    }

    #[test]
    fn sgx_equals_the_slow_one(plan in process(ABOVE), ssa_frame_size in 1_u32..4) {
        let last = plan.regions.last().expect("a region");
        let size = (last.address + last.length - ABOVE).next_power_of_two();
        let tcs = [ABOVE];
        let profile = SgxProfile { ssa_frame_size, tcs: &tcs };
        let found = sgx_mrenclave(&plan, &shape(Platform::Process, 1), &profile);
        if size < 2 * P {
            prop_assert_eq!(found, Err(PlanError::Enclave(MrenclaveError::Size(size))));
        } else {
            let simulated = simulated_sgx_mrenclave(&plan).expect("an MRENCLAVE");
            prop_assert_eq!(simulated.0.to_vec(), oracle::sgx(&plan, 1, ABOVE, size, &[]));
            let expected = oracle::sgx(&plan, ssa_frame_size, ABOVE, size, &tcs);
            prop_assert_eq!(found.expect("an MRENCLAVE").0.to_vec(), expected);
        }
    }
}

fn lacks(error: Result<impl core::fmt::Debug, PlanError>) -> &'static str {
    match error.expect_err("refused") {
        PlanError::Lacks { tee, .. } => tee,
        other => panic!("{other}"),
    }
}

const PROFILE: SnpProfile =
    SnpProfile { sev_features: 1, xcr0: 7, secrets: Some(ABOVE), cpuid: Some(ABOVE + P) };

fn region(address: u64, kind: Kind) -> Region {
    Region { address, length: 2 * P, content: Vec::new(), kind, permissions: 3 }
}

fn example(start: Start) -> LaunchPlan {
    LaunchPlan {
        regions: vec![
            region(0x1000_0000, Kind::Measured),
            region(0x1000_4000, Kind::Memory),
            region(0x2000_0000, Kind::Shared),
        ],
        start,
    }
}

fn example_machine() -> LaunchPlan {
    let segment = Segment { selector: 0x1b, base: 0, limit: u32::MAX, access: 0xf3, long: false };
    let registers = MachineRegisters {
        rip: 1,
        rsp: 2,
        rdi: 3,
        rflags: 2,
        cr0: 1,
        cr3: 0,
        cr4: 0,
        efer: 0,
        xcr0: 7,
        cs: segment,
        ds: segment,
        tr: segment,
        gdt: (0, 0),
        idt: (0, 0),
    };
    example(Start::Machine(vec![registers]))
}

fn example_process() -> LaunchPlan {
    example(Start::Process(ProcessRegisters { rip: 0, rsp: 0 }))
}

#[test]
fn snp_refuses() {
    let one = shape(Platform::Machine, 1);
    let plan = example_machine();
    assert!(snp_digest(&plan, &one, &PROFILE).is_ok());
    assert_eq!(lacks(snp_digest(&plan, &one, &SnpProfile { secrets: None, ..PROFILE })), "SNP");
    assert_eq!(lacks(snp_digest(&plan, &one, &SnpProfile { cpuid: None, ..PROFILE })), "SNP");
    for address in [0x1000_1000, 0x2000_0000, ABOVE + 1] {
        let refused = snp_digest(&plan, &one, &SnpProfile { secrets: Some(address), ..PROFILE });
        assert_eq!(refused, Err(PlanError::Overlap { what: "SECRETS", address }));
    }
    let both = snp_digest(&plan, &one, &SnpProfile { cpuid: PROFILE.secrets, ..PROFILE });
    assert_eq!(both, Err(PlanError::Overlap { what: "CPUID", address: ABOVE }));
    let other = shape(Platform::Machine, 2);
    assert_eq!(snp_digest(&plan, &other, &PROFILE), Err(PlanError::Shape { plan: 1, shape: 2 }));
    let simulated = |plan, shape| simulated_snp_digest(plan, shape, &SnpProfile::KEEP);
    assert_eq!(simulated(&plan, &other), Err(PlanError::Shape { plan: 1, shape: 2 }));
    let platform = PlanError::Platform { tee: "SNP", needed: Platform::Machine };
    assert_eq!(simulated(&example_process(), &one), Err(platform));
    assert_eq!(snp_digest(&example_process(), &one, &PROFILE), Err(platform));
}

#[test]
fn tdx_refuses() {
    let one = shape(Platform::Machine, 1);
    let mut plan = example_machine();
    assert_eq!(lacks(tdx_mrtd(&plan, &one)), "TDX");
    plan.regions.push(Region { kind: Kind::Memory, ..reset_page(0) });
    assert_eq!(lacks(tdx_mrtd(&plan, &one)), "TDX", "not measured");
    plan.regions.pop();
    plan.regions.push(reset_page(0));
    assert!(tdx_mrtd(&plan, &one).is_ok());
    let other = shape(Platform::Machine, 2);
    assert_eq!(tdx_mrtd(&plan, &other), Err(PlanError::Shape { plan: 1, shape: 2 }));
    assert_eq!(simulated_tdx_mrtd(&plan, &other), Err(PlanError::Shape { plan: 1, shape: 2 }));
    let platform = PlanError::Platform { tee: "TDX", needed: Platform::Machine };
    assert_eq!(simulated_tdx_mrtd(&example_process(), &one), Err(platform));
    assert_eq!(tdx_mrtd(&example_process(), &one), Err(platform));
}

#[test]
fn sgx_refuses() {
    let one = shape(Platform::Process, 1);
    let plan = example_process();
    let profile = SgxProfile { ssa_frame_size: 1, tcs: &[0x1000_1000] };
    assert!(sgx_mrenclave(&plan, &one, &profile).is_ok());
    for tcs in [
        &[][..],
        &[0x1000_0000, 0x1000_1000],
        &[0x1000_0000, 0x2000_0000],
        &[0x1000_0800],
        &[0x1000_4000],
        &[0x2000_0000],
    ] {
        assert_eq!(lacks(sgx_mrenclave(&plan, &one, &SgxProfile { tcs, ..profile })), "SGX", "{tcs:x?}");
    }
    let two = shape(Platform::Process, 2);
    let twice = SgxProfile { tcs: &[0x1000_0000, 0x1000_0000], ..profile };
    assert_eq!(lacks(sgx_mrenclave(&plan, &two, &twice)), "SGX", "one for two threads");
    let no_frame = SgxProfile { ssa_frame_size: 0, ..profile };
    assert_eq!(sgx_mrenclave(&plan, &one, &no_frame), Err(PlanError::Enclave(MrenclaveError::SsaFrame)));
    let mut inside = plan.clone();
    inside.regions.push(region(0x1000_6000, Kind::Shared));
    assert!(matches!(sgx_mrenclave(&inside, &one, &profile), Err(PlanError::Range(_))));
    let mut misplaced = plan.clone();
    misplaced.regions[0].address = 0x1000_1000;
    assert!(matches!(sgx_mrenclave(&misplaced, &one, &profile), Err(PlanError::Range(_))));
    let platform = PlanError::Platform { tee: "SGX", needed: Platform::Process };
    assert_eq!(sgx_mrenclave(&example_machine(), &one, &profile), Err(platform));
    assert_eq!(simulated_sgx_mrenclave(&example_machine()), Err(platform));
}

/// What the plan does not measure changes nothing; what it measures, and the order, changes all.
#[test]
fn what_counts() {
    let one = shape(Platform::Machine, 1);
    let plan = example_machine();
    let digest = |plan: &LaunchPlan| snp_digest(plan, &one, &PROFILE).expect("a digest");
    let mut other = plan.clone();
    other.regions[1].length += P;
    other.regions[2].address += P;
    assert_eq!(digest(&plan), digest(&other));
    let mut other = plan.clone();
    other.regions[0].content = vec![0, 0, 1];
    assert_ne!(digest(&plan), digest(&other));
    let mut other = plan.clone();
    other.regions[0].content = vec![0; 3];
    assert_eq!(digest(&plan), digest(&other), "zeros that fill a region are its content");
    let mut other = plan.clone();
    other.regions[0].address += P;
    assert_ne!(digest(&plan), digest(&other));
}
