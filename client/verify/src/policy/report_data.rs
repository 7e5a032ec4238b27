use core::fmt::{self, Formatter};

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Accept, Hex};

/// What REPORT_DATA must be. Evidence that comes in a certificate must bind the certificate's key in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportData {
    /// `"certificate-key"`: evidence that does not come in a certificate is denied.
    pub certificate_key: bool,
    /// A list, or `"any"`: what it must be besides.
    pub accept: Accept<Hex<64>>,
}

impl<'de> Deserialize<'de> for ReportData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReportDataVisitor;
        impl<'de> Visitor<'de> for ReportDataVisitor {
            type Value = ReportData;

            fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of accepted values, \"certificate-key\", or \"any\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                let certificate_key = match text {
                    "certificate-key" => true,
                    "any" => false,
                    _ => return Err(E::invalid_value(Unexpected::Str(text), &self)),
                };
                Ok(ReportData { certificate_key, accept: Accept::Any })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                let accept = Accept::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(ReportData { certificate_key: false, accept })
            }
        }
        deserializer.deserialize_any(ReportDataVisitor)
    }
}

#[cfg(test)]
mod tests {
    use crate::Policy;

    use super::*;

    fn read(value: &str) -> Option<ReportData> {
        Policy::parse(&format!("version = 1\nreport_data = {value}")).ok().map(|policy| policy.report_data)
    }

    #[test]
    fn each_word_has_its_meaning() {
        let expect = |certificate_key, accept| Some(ReportData { certificate_key, accept });
        assert_eq!(read("\"any\""), expect(false, Accept::Any));
        assert_eq!(read("\"certificate-key\""), expect(true, Accept::Any));
        assert_eq!(read("[]"), expect(false, Accept::Listed(vec![])));
        let hex = "07".repeat(64);
        assert_eq!(read(&format!("[\"{hex}\"]")), expect(false, Accept::Listed(vec![Hex([7; 64])])));
        for wrong in ["\"\"", "\"Any\"", "\"certificate\"", "[\"any\"]", "[\"07\"]", "true", "{}"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_request_keeps_the_demand_for_a_certificate() {
        let policy = Policy::parse("version = 1\nreport_data = \"certificate-key\"").expect("a policy");
        let policy = policy.expecting([7; 64]);
        assert!(policy.report_data.certificate_key);
        assert_eq!(policy.report_data.accept, Accept::Listed(vec![Hex([7; 64])]));
    }
}
