//! The errors that a program prints for wrong command lines, in one file. Runs the program.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Compares the errors that a program prints for each command line, and its exit code, with `tests/<name>.snap` of the
/// crate in `root`. The program runs in the folder `tests`, without access to a cluster.
pub fn assert_outputs(root: &str, name: &str, program: &str, command_lines: &[&[&str]]) {
    let tests = Path::new(root).join("tests");
    let mut text = String::new();
    for arguments in command_lines {
        let mut command = Command::new(program);
        // Neither a kubeconfig nor flags from the environment.
        command.env_clear().env("KUBECONFIG", "no-such-kubeconfig");
        let command = command.current_dir(&tests).args(*arguments);
        let output = command.output().unwrap();
        let program = Path::new(program).file_name().unwrap().to_string_lossy();
        let code = output.status.code().unwrap();
        writeln!(text, "{program} {} (exit code {code})", arguments.join(" ")).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        for line in errors.lines().filter(|line| !line.is_empty()) {
            writeln!(text, "    {line}").unwrap();
        }
    }
    insta::with_settings!({
        snapshot_path => tests,
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}
