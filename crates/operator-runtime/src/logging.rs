//! Log lines on standard error.

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::args::LogFormat;

/// Starts logging. Call once.
pub fn init(level: Level, format: LogFormat) {
    // kube logs each 5xx response as an error and each 403 of a watch as a warning, even if the
    // permission is optional; this crate logs the consequences instead.
    let filter = EnvFilter::new(format!(
        "{level},kube_client=off,kube_runtime=warn,kube_runtime::watcher=error,hyper=warn,tower=warn"
    ));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Json => logs.json().flatten_event(true).init(),
        LogFormat::Logfmt => logs.event_format(Logfmt).init(),
    }
}

/// `ts=… level=… msg=… key=value …`, the format of Prometheus and Thanos. The crate tracing-logfmt
/// writes `message` instead of `msg` and cannot be configured.
struct Logfmt;

impl<S, N> FormatEvent<S, N> for Logfmt
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut pairs = Pairs::default();
        event.record(&mut pairs);
        let level = event.metadata().level().as_str().to_lowercase();
        write!(writer, "ts={:.3} level={level}", jiff::Timestamp::now())?;
        writeln!(writer, " msg={}{}", quoted(&pairs.message), pairs.rest)
    }
}

#[derive(Default)]
struct Pairs {
    message: String,
    rest: String,
}

impl Visit for Pairs {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record(field.name(), &format!("{value:?}"));
    }
}

impl Pairs {
    fn record(&mut self, name: &str, value: &str) {
        if name == "message" {
            self.message = value.to_owned();
        } else {
            self.rest.push_str(&format!(" {name}={}", quoted(value)));
        }
    }
}

fn quoted(value: &str) -> String {
    let plain = !value.is_empty()
        && value
            .chars()
            .all(|c| c.is_ascii_graphic() && !"\"=".contains(c));
    if plain {
        value.to_owned()
    } else {
        format!("{value:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn values_are_quoted_only_if_necessary() {
        assert_eq!(quoted("a/b"), "a/b");
        assert_eq!(quoted("a b"), "\"a b\"");
        assert_eq!(quoted(""), "\"\"");
        assert_eq!(quoted("a=\"b\"\n"), "\"a=\\\"b\\\"\\n\"");
    }
}
