//! Writes samples at a steady rate, as Prometheus does, and counts what was acknowledged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::JoinHandle;

use crate::remote_write::{Failure, Label, Sample, TimeSeries, Transport, WriteRequest};
use crate::written::{Tick, Written};

/// Timeout and retry delays of Prometheus; the delay grows up to a limit.
const TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The written series: `metric{series="0"}` and so on, one sample of each at every tick. The value of a
/// sample is the number of its tick.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Name of the metric.
    pub metric: String,
    /// Number of series.
    pub series: usize,
    /// Time between two ticks, in milliseconds.
    pub every: i64,
    /// How long after their time samples are written, in milliseconds.
    pub behind: i64,
}

impl Stream {
    /// 40 series, four times a second.
    #[must_use]
    pub fn of(metric: &str) -> Self {
        Self {
            metric: metric.to_owned(),
            series: 40,
            every: 250,
            behind: 0,
        }
    }

    /// The request of one tick.
    #[must_use]
    pub fn request(&self, number: usize, timestamp: i64) -> WriteRequest {
        let label = |name: &str, value: &str| Label {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let series = |index: usize| TimeSeries {
            labels: vec![
                label("__name__", &self.metric),
                label("series", &index.to_string()),
            ],
            samples: vec![Sample {
                value: number as f64,
                timestamp,
            }],
        };
        WriteRequest {
            timeseries: (0..self.series).map(series).collect(),
        }
    }
}

/// A client that writes until `end`.
pub struct Writer {
    /// The written series.
    pub stream: Stream,
    written: Arc<Mutex<Written>>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// Reads the results of a writer.
#[derive(Clone)]
pub struct Account {
    /// The written series.
    pub stream: Stream,
    written: Arc<Mutex<Written>>,
}

impl Account {
    /// Reads the results so far.
    ///
    /// # Panics
    /// Another task panicked while it held the lock.
    pub fn read<T>(&self, at: impl FnOnce(&Written) -> T) -> T {
        at(&self
            .written
            .lock()
            .expect("no task panics while it holds the lock"))
    }
}

impl Writer {
    /// Starts with the next tick.
    #[must_use]
    pub fn start(stream: Stream, send: Transport) -> Self {
        let written = Arc::<Mutex<Written>>::default();
        let stop = Arc::<AtomicBool>::default();
        let task = tokio::spawn(write(stream.clone(), send, written.clone(), stop.clone()));
        Self {
            stream,
            written,
            stop,
            task,
        }
    }

    /// For another task to read.
    #[must_use]
    pub fn account(&self) -> Account {
        Account {
            stream: self.stream.clone(),
            written: self.written.clone(),
        }
    }

    /// Stops after the tick that is being sent.
    ///
    /// # Panics
    /// It is not accepted within `limit`.
    pub async fn end(self, limit: Duration) -> Written {
        self.stop.store(true, Ordering::Relaxed);
        let account = self.account();
        let ended = tokio::time::timeout(limit, self.task).await;
        let written = account.read(Clone::clone);
        match ended {
            Ok(ended) => ended.expect("the writer does not panic"),
            Err(_) => panic!("not written within {limit:?}: {:?}", written.pending),
        }
        written
    }
}

/// Milliseconds since 1970.
///
/// # Panics
/// The clock is wrong by half a century.
#[must_use]
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("a clock after 1970").as_millis();
    now.try_into().expect("a clock before the year 292 million")
}

async fn write(
    stream: Stream,
    send: Transport,
    written: Arc<Mutex<Written>>,
    stop: Arc<AtomicBool>,
) {
    let first = (now() / stream.every + 1) * stream.every;
    for number in 0.. {
        // Late ticks are written at once, in order, with their original times.
        let time = first + number * stream.every;
        let ahead = (time + stream.behind - now())
            .try_into()
            .unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(ahead)).await;
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let number = number.try_into().expect("a number of ticks");
        let body = stream.request(number, time).body();
        let (retries, lost) = accepted(&send, body, &written).await;
        let mut written = written
            .lock()
            .expect("no task panics while it holds the lock");
        written.pending = None;
        written.ticks.push(Tick {
            time,
            decided: now(),
            retries,
            lost,
        });
    }
}

/// Sends a request until it is accepted or given up. Returns the number of retries, and the reason if it was given
/// up.
async fn accepted(
    send: &Transport,
    body: Vec<u8>,
    written: &Mutex<Written>,
) -> (u32, Option<String>) {
    let mut pause = FIRST_PAUSE;
    let mut retries = 0;
    loop {
        let answer = tokio::time::timeout(TIMEOUT, send(body.clone())).await;
        let failure = match answer {
            Ok(Ok(())) => return (retries, None),
            Ok(Err(failure)) => failure,
            Err(_) => Failure {
                code: None,
                why: format!("no response within {TIMEOUT:?}"),
            },
        };
        let why = format!("{:?}: {}", failure.code, failure.why);
        if failure.is_final() {
            return (retries, Some(why));
        }
        written
            .lock()
            .expect("no task panics while it holds the lock")
            .pending = Some(why);
        retries += 1;
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use prost::Message;

    use super::*;

    #[test]
    fn every_series_has_one_sample_of_a_tick() {
        let request = Stream::of("m").request(7, 250);
        assert_eq!(request.timeseries.len(), 40);
        for (index, series) in request.timeseries.iter().enumerate() {
            assert_eq!(series.labels[1].value, index.to_string());
            let sample = Sample {
                value: 7.0,
                timestamp: 250,
            };
            assert_eq!(series.samples, [sample]);
        }
    }

    /// Returns the prepared responses, then accepts. Keeps accepted requests.
    fn receiver(answers: &[Option<u16>]) -> (Transport, Arc<Mutex<Vec<WriteRequest>>>) {
        let mut answers: VecDeque<Option<u16>> = answers.iter().copied().collect();
        let accepted = Arc::<Mutex<Vec<WriteRequest>>>::default();
        let kept = accepted.clone();
        let answers = Mutex::new(std::mem::take(&mut answers));
        let send: Transport = Box::new(move |body| {
            let answer = match answers.lock().unwrap().pop_front() {
                Some(code) => Err(Failure {
                    code,
                    why: "prepared".to_owned(),
                }),
                None => {
                    let plain = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
                    let request = WriteRequest::decode(&plain[..]).unwrap();
                    kept.lock().unwrap().push(request);
                    Ok(())
                }
            };
            Box::pin(std::future::ready(answer))
        });
        (send, accepted)
    }

    #[tokio::test]
    async fn a_rejected_request_is_resent_in_order_until_it_is_accepted() {
        let (send, accepted) = receiver(&[Some(503), None, Some(429), Some(409)]);
        let stream = Stream {
            every: 10,
            ..Stream::of("m")
        };
        let writer = Writer::start(stream.clone(), send);
        let account = writer.account();
        let attempt = async || match account.read(|written| written.ticks.len()) {
            count if count >= 12 => Ok(()),
            count => Err(format!("{count} ticks")),
        };
        crate::wait::eventually("twelve ticks", Duration::from_secs(20), attempt).await;
        let written = writer.end(Duration::from_secs(5)).await;

        let first = &written.ticks()[0];
        assert_eq!(first.retries, 3);
        assert!(first.lost.as_deref().unwrap().contains("409"), "{first:?}");
        assert!(first.decided >= first.time);
        let rest = &written.ticks()[1..];
        assert!(rest.iter().all(|t| t.lost.is_none() && t.retries == 0));
        let times = written.ticks().windows(2);
        assert!(times.into_iter().all(|t| t[1].time - t[0].time == 10));
        assert_eq!(written.acknowledged(0, i64::MAX), rest.len());

        let accepted = accepted.lock().unwrap();
        let desired = rest.iter().enumerate();
        let desired: Vec<_> = desired
            .map(|(i, t)| stream.request(i + 1, t.time))
            .collect();
        assert_eq!(*accepted, desired);
        assert!(
            written
                .summary(0)
                .contains("1 lost, 1 sent again (3 times)")
        );
    }

    #[tokio::test]
    #[should_panic(expected = "prepared")]
    async fn an_end_that_times_out_is_reported() {
        let (send, _) = receiver(&[Some(500); 1000]);
        let writer = Writer::start(Stream::of("m"), send);
        let account = writer.account();
        let attempt = async || match account.read(|written| written.pending.clone()) {
            Some(_) => Ok(()),
            None => Err("nothing was sent".to_owned()),
        };
        crate::wait::eventually("an attempt", Duration::from_secs(5), attempt).await;
        writer.end(Duration::from_millis(1)).await;
    }
}
