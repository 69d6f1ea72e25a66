# What benches/run and benches/soak stand on: the data, the databases and a running Muster, all under target/bench.
# To be sourced, from the root of the repository. Whoever sources it sets `me`, its name in messages.

bench=$PWD/target/bench
muster=$PWD/target/release/muster

say() { printf '%s: %s\n' "$me" "$*" >&2; }
seconds() { date +%s.%N; }
since() { awk -v then="$1" -v now="$(seconds)" 'BEGIN { printf "%.1f", now - then }'; }

build() {
    say "building (the first time takes a few minutes)"
    cargo build --release --quiet
    cargo bench --bench performance --no-run --quiet
}
measure() { patiently cargo bench --quiet --bench performance -- "$@"; }
# Runs something long so that Ctrl-C and kill are heard meanwhile, and end it too.
patiently() {
    local status=0
    "$@" &
    working=$!
    wait "$working" || status=$?
    working=
    return "$status"
}

# The customers and purchases of the made-up world, as CSV. Argument: how many customers.
generate() {
    data=$bench/data-$1
    [ ! -e "$data/done" ] || return 0
    say "making up $1 customers"
    patiently python3 tests/data/gen_data.py --rows "$1" --out "$data"
    touch "$data/done"
}

# What a database was filled with, and how long that took. Arguments: database URL, folder for the notes, rows.
load() {
    local url=$1 notes=$2 rows=$3 began customers purchases
    local -a maps=()
    while read -r header field; do
        maps+=(--map "$header=$field")
    done < <(python3 -c 'import json
for header, field in json.load(open("tests/data/filters.json"))["mapping"].items():
    print(header, field.split(" ")[0])')
    say "importing $rows customers and their purchases"
    began=$(seconds)
    patiently "$muster" --database-url "$url" import customers "$data/customers.csv" --consent-proof "made up" "${maps[@]}" --json \
        >"$notes/customers.json"
    customers=$(since "$began")
    began=$(seconds)
    patiently "$muster" --database-url "$url" import purchases "$data/purchases.csv" --json >"$notes/purchases.json"
    purchases=$(since "$began")
    for person in admin marketer; do
        echo "$password" | "$muster" --database-url "$url" user add --password-stdin \
            --email "$person@bench.example" --name "$person" --role "$person"
    done
    "$muster" --database-url "$url" token create --name bench --role admin >"$notes/token"
    printf '{"customers": %s, "purchases": %s}\n' "$customers" "$purchases" >"$notes/loading.json"
    say "customers took $customers s, purchases $purchases s"
}
password="a password for benches"

# A SQLite file of this many customers, in $url, with its notes in $notes. Made once, unless $fresh says otherwise.
sqlite() {
    notes=$bench/sqlite-$1
    url=$notes/muster.db
    [ -z "$fresh" ] || rm -rf "$notes"
    [ ! -e "$notes/loading.json" ] || return 0
    if [ "$1" = 10000000 ]; then tenfold; return; fi
    rm -rf "$notes"
    mkdir -p "$notes"
    generate "$1"
    load "$url" "$notes" "$1"
}

# Ten million: a million ten times over, in $url and $notes.
tenfold() {
    local into=$notes
    sqlite 1000000
    rm -rf "$into"
    mkdir -p "$into"
    say "making ten of each customer"
    local began
    began=$(seconds)
    python3 benches/tenfold.py "$url" "$into/muster.db" >&2
    cp "$notes/token" "$into/"
    printf '{"tenfold": %s}\n' "$(since "$began")" >"$into/loading.json"
    notes=$into url=$into/muster.db
}

# The same on PostgreSQL, whose server start_postgres has started.
postgres() {
    notes=$bench/postgres-$1
    url=postgres://muster@127.0.0.1:$postgres_port/bench_$1
    [ -z "$fresh" ] || rm -rf "$notes"
    [ ! -e "$notes/loading.json" ] || return 0
    rm -rf "$notes"
    mkdir -p "$notes"
    generate "$1"
    in_postgres dropdb --if-exists "bench_$1"
    in_postgres createdb "bench_$1"
    load "$url" "$notes" "$1"
}

# Puts a copy of the database into $url and $notes, which may be written to without harm.
copy_sqlite() {
    local from=$notes
    notes=$bench/copy url=$bench/copy/muster.db
    rm -rf "$notes"
    mkdir -p "$notes"
    cp "$from"/muster.db* "$from/token" "$notes/"
}
copy_postgres() {
    local from=$notes
    notes=$bench/copy url=postgres://muster@127.0.0.1:$postgres_port/bench_copy
    rm -rf "$notes"
    mkdir -p "$notes"
    cp "$from/token" "$notes/"
    in_postgres dropdb --if-exists bench_copy
    in_postgres createdb --template "bench_$rows" bench_copy
}

# ── a PostgreSQL server of our own ───────────────────────────────────────────────────────────────────────────────────

# PostgreSQL's server programs are kept out of PATH on Debian.
postgres_folder() {
    if command -v initdb >/dev/null; then dirname "$(readlink -f "$(command -v initdb)")"; return; fi
    ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1
}
# It refuses to run as root.
as_owner() {
    if [ "$(id -u)" != 0 ]; then (cd "$cluster" && "$@"); return; fi
    local owner=postgres
    id "$owner" >/dev/null 2>&1 || owner=nobody
    (cd "$cluster" && setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups env -u LD_PRELOAD HOME="$cluster" "$@")
}
in_postgres() { PATH=$PATH:$postgres_bin "$1" -h 127.0.0.1 -p "$postgres_port" -U muster "${@:2}"; }
free_port() {
    local port
    for _ in $(seq 100); do
        port=$((20000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    say "no free port found"; return 1
}

# Its data are thrown away by --fresh and can be made again, so nothing waits for the disk.
postgres_settings="-c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c synchronous_commit=off
    -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=4GB -c shared_buffers=2GB -c work_mem=64MB
    -c maintenance_work_mem=512MB -c random_page_cost=1.1 -c jit=off -c max_parallel_workers_per_gather=0
    -c autovacuum=on"

start_postgres() {
    postgres_bin=$(postgres_folder)
    [ -n "$postgres_bin" ] || { say "PostgreSQL is not installed (apt install postgresql)"; exit 1; }
    cluster=$bench/postgres
    mkdir -p "$cluster"
    if [ ! -e "$cluster/data/PG_VERSION" ]; then
        [ "$(id -u)" != 0 ] || chown "$(id -un postgres 2>/dev/null || echo nobody)" "$cluster"
        as_owner "$postgres_bin/initdb" -D "$cluster/data" -U muster --auth=trust --encoding=UTF8 --locale=C --no-sync >/dev/null
    fi
    local try
    for try in 1 2 3 4 5; do
        postgres_port=$(free_port)
        # shellcheck disable=SC2086 # the settings are many words
        if as_owner "$postgres_bin/pg_ctl" -D "$cluster/data" -l "$cluster/log" -s -w -t 60 start \
            -o "$(echo $postgres_settings) -p $postgres_port -k $cluster"; then
            postgres_runs=yes
            return
        fi
    done
    say "PostgreSQL did not start: $cluster/log says why"; exit 1
}

# ── a running Muster ─────────────────────────────────────────────────────────────────────────────────────────────────

# Serves $url on a port of its own: $site is where, $server its process. Arguments: what else `muster serve` is told.
serve() {
    local log=$notes/serve.log
    env -u RUST_LOG "$muster" --database-url "$url" serve --listen 127.0.0.1:0 --data-dir "$notes/uploads" "$@" >"$log" 2>&1 &
    server=$!
    # A new version may have migrations to do first: at ten million customers that takes minutes.
    for _ in $(seq 6000); do
        site=$(sed -n 's/.* at \(http:[^ ]*\)$/\1/p' "$log" | head -1)
        [ -z "$site" ] || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$log" >&2
    say "Muster did not start"; exit 1
}
end_server() {
    [ -n "$server" ] || return 0
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}
stop() {
    [ -z "$working" ] || kill "$working" 2>/dev/null || true
    end_server
    [ -z "$postgres_runs" ] || as_owner "$postgres_bin/pg_ctl" -D "$cluster/data" -m fast -s stop || true
    postgres_runs=
}
fresh= server= working= postgres_runs=
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir -p "$bench"
