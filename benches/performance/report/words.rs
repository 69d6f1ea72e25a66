//! The words of the document that no measurement makes.

pub const INTRODUCTION: &str = "# How quick it is

<!-- Written by benches/run from benches/results; what limits each figure is told in benches/performance/report/words.rs.
     Imports, Campaigns and The inbox have benchmarks of their own and are told by hand: benches/run keeps them. -->

Each figure is measured over HTTP against `muster serve`, a release build, and beside what it is compared with, in the
same run on the same data. Shared hardware is noisy: expect a third more or less; what is compared shares the noise.

## To repeat it

    benches/run                                  # a million customers, SQLite and PostgreSQL
    benches/run --rows 10000000 --only sqlite    # ten million
    benches/soak                                 # ten minutes of readers and writers
    benches/import                               # imports, beside the raw load of the same file
    benches/floor                                # what the databases ask for by themselves
    benches/campaign                             # campaigns
    cargo run --release --example inbox          # the inbox

The first run makes up the customers (`tests/data/gen_data.py`) and imports them; later runs begin at once. `--part NAME`
measures one part again. PostgreSQL is a server of its own with shared_buffers=2GB, work_mem=64MB, random_page_cost=1.1,
jit and parallel workers off, autovacuum on, and fsync off: nothing here measures how long a commit waits for the disk.
SQLite is set up as Muster always does it: 2 GB mapped, which all connections share and the system may take back, and
8 MB of cache for each connection. Hand-written SQL runs in a program of its own on the same database, on SQLite
also with 2 GB mapped and 1 GB of cache: the quickest spelling on the quickest connection is what counts.

✓ reaches its goal, ✗ does not. PostgreSQL should take at most 3 times as long as SQLite where conditions are known, and
nothing should take more than 12 times as long at ten times as many customers.
";

/// Every figure in the order of the table, and what limits it.
pub const LIMITS: &[(&str, &str)] = &[
    ("floor.healthz", "HTTP on one machine"),
    ("floor.token", "looking up the token, opening a snapshot"),
    ("floor.packing", "gzip of a page"),
    ("count.ratio", "for rare tags SQL reads a few thousand index entries, and HTTP costs as much"),
    ("count.worst", "what any request costs at the door"),
    (
        "count.own",
        "looking up the names in the filter: the sets take microseconds; for a rare tag SQL reads one stretch of an index",
    ),
    ("count.least", "looking up the names in the filter"),
    ("count.median", "a request over HTTP; the sets themselves take microseconds"),
    ("count.slowest", "a request over HTTP"),
    ("first.within", "reading what decides, once for everybody"),
    ("first.contains", "one pass over the column, in memory once it was read there"),
    ("builder.new", "two or three requests, drawing the page, and the figures of ten rows"),
    ("builder.known", "drawing the page: the builder's form and fifty rows"),
    ("builder.known95", "drawing the page"),
    ("segments.known", "reading 200 filters and drawing 200 rows; a count is remembered while its sets are the same"),
    ("tag.more", "reading the log, and asking one customer again"),
    ("list.median", "drawing fifty rows"),
    ("list.p95", "walks along an index where few fit"),
    ("list.slowest", "walks along an index whose first rows are not among those asked for"),
    ("bulk.page", "the edit itself has one of two cores; then sets are filled again"),
    ("bulk.segments", "the edit itself has one of two cores; then sets are filled again"),
    ("memory", "one bit a customer for each large set, and what the threads allocate while they work"),
];

/// Figures whose conditions are known, which PostgreSQL should answer within three times of SQLite.
pub const KNOWN: &[&str] =
    &["count.median", "count.slowest", "builder.known", "builder.known95", "segments.known", "list.median", "list.p95"];

/// The parts that have more to tell than their figures, and how it is headed.
pub const PARTS: &[(&str, &str)] = &[
    ("floor", "The floor"),
    ("count", "Counts of the ten filters"),
    ("first", "Conditions asked for the first time"),
    ("builder", "Changes in the builder"),
    ("tag", "Counts after a change"),
    ("list", "Lists of customers"),
    ("segments", "Segments"),
    ("bulk", "A bulk edit from outside"),
    ("memory", "Memory"),
];
