//! Both directions of the gate: what is built is read back the same, and arbitrary words from the
//! other side are either refused or mean exactly one thing.

use holdfast_gate::{Answer, Call, Ending, Interest, MAX_VCPUS, Reply, Request, window};
use proptest::prelude::*;

fn interest() -> impl Strategy<Value = Interest> {
    (0_u64..4).prop_map(|bits| Interest::from_bits(bits).expect("the channel's two bits"))
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Finished),
        Just(Ending::BodyRefused),
        Just(Ending::BootInfoRefused),
        any::<u32>().prop_map(Ending::GateViolation),
        Just(Ending::OutOfMemory),
        (any::<u8>(), 0_u64..1 << 48).prop_map(|(vector, address)| Ending::Fault { vector, address }),
        Just(Ending::RandomnessFailed),
        Just(Ending::Aborted),
        Just(Ending::CpuUnsuitable),
        any::<u32>().prop_map(Ending::Status),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let length = 1..=window::BOUNCE_SIZE as u32;
    prop_oneof![
        (1..MAX_VCPUS).prop_map(|index| Call::StartVcpu { index }),
        (interest(), any::<u64>()).prop_map(|(interest, timeout)| Call::Park { interest, timeout }),
        (0..MAX_VCPUS).prop_map(|index| Call::Wake { index }),
        Just(Call::Clock),
        length.clone().prop_map(|length| Call::Read { stream: 0, length }),
        length.prop_map(|length| Call::Write { stream: 0, length }),
        Just(Call::Shutdown { stream: 0 }),
        (0..MAX_VCPUS).prop_map(|index| Call::Interrupt { index }),
        ending().prop_map(Call::Exit),
    ]
}

/// Mostly small numbers, as those come near the rules.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..4_u64, 1 => 0..=window::BOUNCE_SIZE + 1, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn words() -> impl Strategy<Value = [u64; 6]> {
    let rest = || prop_oneof![9 => Just(0), 1 => word()];
    (word(), word(), rest(), rest(), rest(), rest()).prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_call_is_read_back(call in call(), sequence: u64) {
        prop_assert_eq!(Call::decode(&call.encode(sequence), sequence), Ok(call));
    }

    #[test]
    fn a_request_of_another_sequence_is_refused(call in call(), sequence: u64, other: u64) {
        prop_assume!(sequence != other);
        prop_assert!(Call::decode(&call.encode(sequence), other).is_err());
    }

    #[test]
    fn a_request_means_one_thing_or_nothing(operation in 0_u32..12, reserved in 0_u32..2, arguments in words()) {
        let request = Request { sequence: 7, operation, reserved, arguments };
        if let Ok(call) = Call::decode(&request, 7) {
            prop_assert_eq!(call.encode(7), request);
        }
    }

    #[test]
    fn a_reply_means_one_thing_or_nothing(call in call(), status in 0_u32..6, reserved in 0_u32..2, results in words()) {
        let reply = Reply { sequence: 7, status, reserved, results };
        if let Ok(answer) = call.check(7, &reply) {
            prop_assert_eq!(answer.encode(7), reply);
            match (call, answer) {
                (Call::Exit(_), _) => prop_assert!(false, "an exit was answered"),
                (Call::Read { length, .. } | Call::Write { length, .. }, Answer::Moved(moved)) => {
                    prop_assert!(moved <= length);
                }
                (Call::Park { interest, .. }, Answer::Parked { ready, .. }) => {
                    prop_assert!(interest.contains(ready));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_reply_to_another_request_is_refused(call in call(), sequence: u64) {
        prop_assert!(call.check(7, &Answer::Done.encode(sequence)).is_err() || sequence == 7);
    }
}
