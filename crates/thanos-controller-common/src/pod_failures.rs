//! Reasons why a pod does not run, from its status. No IO.

use thanos_api::names::Reason;
use thanos_workload::redact;

use crate::facts::{Ended, PodFacts, PodState};

/// Maximum number of characters of a log in a message.
const LOG_LENGTH: usize = 300;

/// Reason why a pod does not start or keep running, if its status has one. `unmounted` is a
/// FailedMount message of the kubelet.
#[must_use]
pub fn pod_failures(
    name: &str,
    pod: &PodFacts,
    unmounted: Option<&str>,
) -> Option<(Reason, String)> {
    let (reason, message) = failing(name, pod, unmounted)?;
    // A program that exits because of a URL repeats it, and so does the kubelet for an image.
    Some((reason, redact::urls(&message)))
}

fn failing(name: &str, pod: &PodFacts, unmounted: Option<&str>) -> Option<(Reason, String)> {
    match (&pod.state, &pod.ended) {
        (PodState::Terminating, _) => None,
        (PodState::Starting, None) => {
            unmounted.map(|why| (Reason::SecretMissing, format!("{name} cannot start: {why}")))
        }
        (PodState::Waiting(why), _) => {
            Some((Reason::PodFailing, format!("{name} cannot start: {why}")))
        }
        (_, Some(ended)) if !pod.ready => {
            let Ended {
                how,
                termination_message,
            } = ended;
            // Before truncation, which may leave an unrecognizable part of a URL.
            let last: String = redact::urls(cause(termination_message))
                .chars()
                .take(LOG_LENGTH)
                .collect();
            let how = match how.strip_prefix("exit code ") {
                Some(code) => format!("exited with code {code}"),
                None => format!("was terminated ({how})"),
            };
            let message = format!("{name} {how}{}: {last}", restarts(pod));
            Some((Reason::PodFailing, message))
        }
        _ => None,
    }
}

/// Message of the scheduler about the first unscheduled pod.
pub fn unscheduled<'a>(
    pods: impl IntoIterator<Item = (&'a String, &'a PodFacts)>,
) -> Option<String> {
    pods.into_iter().find_map(|(name, pod)| match &pod.state {
        PodState::Unscheduled(why) => Some(format!("{name}: {why}")),
        _ => None,
    })
}

/// Number of restarts in parentheses, to follow a clause.
#[must_use]
pub fn restarts(pod: &PodFacts) -> String {
    match pod.restarts {
        0 => String::new(),
        1 => " (1 restart)".to_owned(),
        count => format!(" ({count} restarts)"),
    }
}

/// Cause in the last line of a log, without its stack trace.
fn cause(termination_message: &str) -> &str {
    let last = termination_message
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty());
    let last = last.unwrap_or_default();
    let from = last.find("err=\"").map_or(0, |at| at + 5);
    let to = last.find("\\ngithub.com/").unwrap_or(last.len());
    last.get(from..to).unwrap_or(last).trim_end_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(
        state: PodState,
        ready: bool,
        termination_message: Option<&str>,
    ) -> Option<(Reason, String)> {
        let pod = PodFacts {
            ready,
            state,
            ended: termination_message.map(|termination_message| Ended {
                how: "exit code 1".into(),
                termination_message: termination_message.into(),
            }),
            restarts: 3,
            ..Default::default()
        };
        pod_failures("x-0", &pod, Some("secret not found"))
    }

    fn is(reason: Reason, message: &str) -> Option<(Reason, String)> {
        Some((reason, message.to_owned()))
    }

    #[test]
    fn failing_pods_are_reported_with_reason_and_message() {
        assert_eq!(
            failure(PodState::Starting, false, None),
            is(Reason::SecretMissing, "x-0 cannot start: secret not found")
        );
        assert_eq!(
            failure(PodState::Waiting("ErrImagePull: x".into()), false, None),
            is(Reason::PodFailing, "x-0 cannot start: ErrImagePull: x")
        );
        let ended = "x-0 exited with code 1 (3 restarts): flag unknown";
        for state in [PodState::Starting, PodState::Running] {
            let termination_message = "a\nflag unknown\n";
            assert_eq!(
                failure(state, false, Some(termination_message)),
                is(Reason::PodFailing, ended)
            );
        }
    }

    #[test]
    fn running_and_terminating_pods_are_not_failing() {
        assert_eq!(failure(PodState::Running, true, Some("ended before")), None);
        assert_eq!(failure(PodState::Running, false, None), None);
        assert_eq!(failure(PodState::Terminating, false, Some("stopped")), None);
    }

    #[test]
    fn credentials_in_a_log_are_redacted() {
        let log = r#"level=error err="parse \"http://ruler:hunter2@am:x\": invalid port""#;
        let message = failure(PodState::Running, false, Some(log)).unwrap().1;
        assert!(
            message.contains("http://…@am:x") && !message.contains("hunter2"),
            "{message}"
        );
        let log = r#"level=error err="Get \"http://am/?token=hunter2\": EOF""#;
        let message = failure(PodState::Running, false, Some(log)).unwrap().1;
        assert!(message.ends_with("http://am/?token=…\": EOF"), "{message}");
        let why = "ErrImagePull: Get \"https://a:hunter2@registry/v2\": EOF";
        let message = failure(PodState::Waiting(why.into()), false, None)
            .unwrap()
            .1;
        assert!(message.contains("https://…@registry/v2"), "{message}");
    }

    #[test]
    fn stack_trace_in_a_log_is_omitted() {
        let log = r#"level=error err="open x: denied\ngithub.com/thanos-io\nmain.main""#;
        assert_eq!(cause(log), "open x: denied");
        assert_eq!(cause(r#"level=error err="denied""#), "denied");
    }
}
