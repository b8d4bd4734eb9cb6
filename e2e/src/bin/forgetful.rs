//! Thanos that ignores one of its arguments: what its arguments permit, it does not take. No released
//! Thanos is like that, and a ruler has to be to refuse what was judged to be good.

use std::os::unix::process::CommandExt;

const IGNORED: &str = "--enable-feature=promql-experimental-functions";

fn main() -> std::io::Result<()> {
    let args = std::env::args_os().skip(1).filter(|arg| arg != IGNORED);
    Err(std::process::Command::new("/bin/thanos").args(args).exec())
}
