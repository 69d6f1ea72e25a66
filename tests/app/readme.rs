//! README says what the program does, no more and no less.

use clap::{Args, Command};

const README: &str = include_str!("../../README.md");

#[test]
fn the_table_of_settings_is_the_settings() {
    let command = muster::config::Config::augment_args(muster::config::Database::augment_args(Command::new("muster")));
    let settings: Vec<String> = command
        .get_arguments()
        .map(|setting| {
            let text = |value: Option<&std::ffi::OsStr>| value.unwrap_or_default().to_string_lossy().into_owned();
            let default = match setting.get_action().takes_values() {
                true => text(setting.get_default_values().first().map(|value| value.as_os_str())),
                false => String::new(),
            };
            format!("--{} {} {default}", setting.get_long().unwrap_or_default(), text(setting.get_env()))
        })
        .collect();
    let rows: Vec<String> = README
        .lines()
        .filter(|line| line.starts_with("| `--"))
        .map(|line| {
            let cells: Vec<_> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            format!("{} {} {}", cells[1], cells[2], cells[3])
        })
        .collect();
    assert_eq!(rows, settings);
}

#[test]
fn every_file_it_points_at_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let missing: Vec<_> = README
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !root.join(target).exists())
        .collect();
    assert_eq!(missing, [""; 0]);
}
