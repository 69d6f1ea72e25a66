//! The program `muster`. What it can do is in [`muster::cli`].

fn main() -> std::process::ExitCode {
    muster::cli::main()
}
