//! Evaluates a controller without running it: from files ([`render`](mod@render)), or from a cluster before the
//! installation ([`preflight`](mod@preflight)). Both use `observe`, `plan` and `status` of the controller.

pub mod preflight;
pub mod render;
