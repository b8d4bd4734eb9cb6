//! A Thanos that ignores one of its arguments, so that rulers fail to load rules that validation accepted. No
//! released Thanos does so.

use std::os::unix::process::CommandExt;

const IGNORED: &str = "--enable-feature=promql-experimental-functions";

fn main() -> std::io::Result<()> {
    let args = std::env::args_os().skip(1).filter(|arg| arg != IGNORED);
    Err(std::process::Command::new("/bin/thanos").args(args).exec())
}
