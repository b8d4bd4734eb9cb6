//! Why a pod does not run, as its node says. Pure.

use thanos_api::names::Reason;
use thanos_workload::redact;

use crate::facts::{Ended, PodFacts, PodState};

/// How many characters of a log are told.
const WORDS: usize = 300;

/// Why a pod does not start, or does not stay; `None` if nobody says so. `unmounted` is what its node
/// says of a volume that it cannot mount.
#[must_use]
pub fn pod_failures(
    name: &str,
    pod: &PodFacts,
    unmounted: Option<&str>,
) -> Option<(Reason, String)> {
    let (reason, message) = failing(name, pod, unmounted)?;
    // A program that ends for a URL repeats it, and a node that of an image.
    Some((reason, redact::urls(&message)))
}

fn failing(name: &str, pod: &PodFacts, unmounted: Option<&str>) -> Option<(Reason, String)> {
    match (&pod.state, &pod.ended) {
        (PodState::Terminating, _) => None,
        (PodState::Starting, None) => {
            unmounted.map(|why| (Reason::SecretMissing, format!("{name} waits: {why}")))
        }
        (PodState::Waiting(why), _) => {
            Some((Reason::PodFailing, format!("{name} does not start: {why}")))
        }
        (_, Some(ended)) if !pod.ready => {
            let Ended {
                how,
                termination_message,
            } = ended;
            // Before it is cut: what is left of a URL may not look like one.
            let last: String = redact::urls(cause(termination_message))
                .chars()
                .take(WORDS)
                .collect();
            let message = format!("{name} ends ({how}){}: {last}", again(pod));
            Some((Reason::PodFailing, message))
        }
        _ => None,
    }
}

/// What the scheduler says of the first pod without a node.
pub fn unscheduled<'a>(
    pods: impl IntoIterator<Item = (&'a String, &'a PodFacts)>,
) -> Option<String> {
    pods.into_iter().find_map(|(name, pod)| match &pod.state {
        PodState::Unscheduled(why) => Some(format!("{name}: {why}")),
        _ => None,
    })
}

/// How often Thanos was started again, to go on a sentence.
#[must_use]
pub fn again(pod: &PodFacts) -> String {
    match pod.restarts {
        0 => String::new(),
        times => format!(", and has started again {times} times"),
    }
}

/// Of the end of a log: what its last line says is wrong, without the stack that follows it.
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

    fn told(
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
    fn what_keeps_a_pod_from_running() {
        assert_eq!(
            told(PodState::Starting, false, None),
            is(Reason::SecretMissing, "x-0 waits: secret not found")
        );
        assert_eq!(
            told(PodState::Waiting("ErrImagePull: x".into()), false, None),
            is(Reason::PodFailing, "x-0 does not start: ErrImagePull: x")
        );
        let ended = "x-0 ends (exit code 1), and has started again 3 times: flag unknown";
        for state in [PodState::Starting, PodState::Running] {
            let termination_message = "a\nflag unknown\n";
            assert_eq!(
                told(state, false, Some(termination_message)),
                is(Reason::PodFailing, ended)
            );
        }
    }

    #[test]
    fn a_pod_that_runs_or_goes_is_none() {
        assert_eq!(told(PodState::Running, true, Some("ended before")), None);
        assert_eq!(told(PodState::Running, false, None), None);
        assert_eq!(told(PodState::Terminating, false, Some("stopped")), None);
    }

    #[test]
    fn credentials_in_a_log_are_left_out() {
        let log = r#"level=error err="parse \"http://ruler:hunter2@am:x\": invalid port""#;
        let message = told(PodState::Running, false, Some(log)).unwrap().1;
        assert!(
            message.contains("http://…@am:x") && !message.contains("hunter2"),
            "{message}"
        );
        let log = r#"level=error err="Get \"http://am/?token=hunter2\": EOF""#;
        let message = told(PodState::Running, false, Some(log)).unwrap().1;
        assert!(message.ends_with("http://am/?token=…\": EOF"), "{message}");
        let why = "ErrImagePull: Get \"https://a:hunter2@registry/v2\": EOF";
        let message = told(PodState::Waiting(why.into()), false, None).unwrap().1;
        assert!(message.contains("https://…@registry/v2"), "{message}");
    }

    #[test]
    fn the_stack_in_a_log_is_left_out() {
        let log = r#"level=error err="open x: denied\ngithub.com/thanos-io\nmain.main""#;
        assert_eq!(cause(log), "open x: denied");
        assert_eq!(cause(r#"level=error err="denied""#), "denied");
    }
}
