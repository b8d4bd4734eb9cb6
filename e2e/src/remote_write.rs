//! Remote-write protocol 1.0 of Prometheus, client side. The caller sends the requests. No IO.

use futures::future::BoxFuture;
use prost::Message;

/// Headers that describe the body of a request.
pub const HEADERS: [(&str, &str); 3] = [
    ("Content-Type", "application/x-protobuf"),
    ("Content-Encoding", "snappy"),
    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
];

/// `prometheus.WriteRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct WriteRequest {
    /// All series of the request.
    #[prost(message, repeated, tag = "1")]
    pub timeseries: Vec<TimeSeries>,
}

/// `prometheus.TimeSeries`.
#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries {
    /// Sorted by name.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    /// Sorted by time.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
}

/// `prometheus.Label`.
#[derive(Clone, PartialEq, Message)]
pub struct Label {
    /// `__name__` for that of the metric.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Never empty.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `prometheus.Sample`.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Sample {
    /// The value.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// In milliseconds.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

impl WriteRequest {
    /// The body of the request: protobuf in one block of snappy.
    ///
    /// # Panics
    /// It is larger than 4 GiB.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut snappy = snap::raw::Encoder::new();
        let body = snappy.compress_vec(&self.encode_to_vec());
        body.expect("a body of less than 4 GiB")
    }
}

/// Why a request was not accepted.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Status code of the answer, if there was one.
    pub code: Option<u16>,
    /// Its message.
    pub why: String,
}

impl Failure {
    /// Whether Prometheus drops these samples: the receiver rejects them permanently.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.code
            .is_some_and(|code| code != 429 && (300..500).contains(&code))
    }
}

/// Sends a body, over a connection of its own choice.
pub type Transport = Box<dyn Fn(Vec<u8>) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::Stream;

    #[test]
    fn the_body_is_encoded_as_the_protocol_requires() {
        let stream = Stream {
            series: 1,
            ..Stream::of("m")
        };
        let body = stream.request(3, 1500).body();
        let plain = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
        // Encoded manually after types.proto of Prometheus: tag, length, content.
        let mut desired = vec![0x0a, 42];
        desired.extend([0x0a, 13, 0x0a, 8]);
        desired.extend(b"__name__");
        desired.extend([0x12, 1, b'm']);
        desired.extend([0x0a, 11, 0x0a, 6]);
        desired.extend(b"series");
        desired.extend([0x12, 1, b'0']);
        desired.extend([0x12, 12, 0x09]);
        desired.extend(3.0_f64.to_le_bytes());
        desired.extend([0x10, 0xdc, 0x0b]);
        assert_eq!(plain, desired);
        assert_eq!(
            WriteRequest::decode(&plain[..]).unwrap(),
            stream.request(3, 1500)
        );
    }

    #[test]
    fn permanent_rejections_are_final() {
        let is_final = |code| {
            let why = String::new();
            Failure { code, why }.is_final()
        };
        for code in [400, 404, 409, 413, 422] {
            assert!(is_final(Some(code)), "{code}");
        }
        for code in [None, Some(429), Some(500), Some(502), Some(503), Some(504)] {
            assert!(!is_final(code), "{code:?}");
        }
    }
}
