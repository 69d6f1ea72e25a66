"""What the benchmarks stand on that ask a running Muster: a server on this machine, somebody who is signed in, the time
that pages take, the memory of a process."""

import contextlib, http.cookiejar, json, os, re, shutil, statistics, subprocess, sys, threading, time
import urllib.parse, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MUSTER = os.path.join(ROOT, "target/release/muster")
PASSWORD = "a-quiet-mountain-hut"
EMAIL = "admin@bench.example"


def say(words):
    print(f"{os.path.relpath(sys.argv[0], ROOT)}: {words}", file=sys.stderr, flush=True)


def timed(command, **more):
    began = time.monotonic()
    subprocess.run(command, check=True, **more)
    return time.monotonic() - began


class Watched:
    """A process whose memory is looked at: what is its own, without the pages of mapped files."""

    def __init__(self, command):
        self.peak, self.began = 0.0, time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while self.process.poll() is None:
            self.peak = max(self.peak, anonymous(self.process.pid))
            time.sleep(0.05)

    def end(self):
        out, _ = self.process.communicate()
        self.thread.join()
        assert self.process.returncode in (0, 2), out
        return time.monotonic() - self.began, json.loads(out)


def anonymous(pid):
    try:
        return int(re.search(r"RssAnon:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) / 1024
    except (OSError, AttributeError):
        return 0.0


def imported(url, file, maps, **expected):
    watched = Watched([MUSTER, "--database-url", url, "import", "customers", file, "--json", *maps])
    seconds, totals = watched.end()
    for outcome, count in expected.items():
        assert totals[outcome] == count, totals
    return {"seconds": round(seconds, 1), "memory": round(watched.peak), "lines": totals["lines"]}


def fresh(folder):
    """The file of a database that is not there yet, in a folder of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return os.path.join(folder, "muster.db")


@contextlib.contextmanager
def postgres(name):
    """The address of an empty database on the PostgreSQL that tests/run starts."""
    server = subprocess.Popen([os.path.join(ROOT, "tests/run"), "--postgres"], stdout=subprocess.PIPE, text=True)
    try:
        found = None
        while not found:
            line = server.stdout.readline()
            assert line, "tests/run --postgres gave no address"
            found = re.search(r"MUSTER_TEST_POSTGRES='?\"?([^'\"\s]+)", line)
        base = found.group(1)
        subprocess.run(["psql", base, "-qc", f"DROP DATABASE IF EXISTS {name}", "-c", f"CREATE DATABASE {name}"],
                       check=True, stderr=subprocess.DEVNULL)
        yield base.rsplit("/", 1)[0] + "/" + name
    finally:
        server.terminate()
        server.wait()


class Browser:
    """Somebody who is signed in."""

    def __init__(self, base):
        self.base, self.jar = base, http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.opener.addheaders = [("Sec-Fetch-Site", "same-origin"), ("Origin", base)]

    def open(self, path, **form):
        """A page, or what follows a form; `form=None` in it sends an empty one."""
        sent = urllib.parse.urlencode({k: v for k, v in form.items() if v is not None}).encode() if form else None
        with self.opener.open(path if path.startswith("http") else self.base + path, sent) as answer:
            return answer.url, answer.read().decode()

    def cookie(self):
        return "; ".join(f"{one.name}={one.value}" for one in self.jar)


@contextlib.contextmanager
def served(url, *more, port=8399):
    """A server of this database, and its admin in a browser. Gives both."""
    subprocess.run([MUSTER, "--database-url", url, "user", "add", "--password-stdin", "--email", EMAIL, "--name", "Admin",
                    "--role", "admin"], input=PASSWORD.encode(), check=True, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([MUSTER, "--database-url", url, "serve", "--listen", f"127.0.0.1:{port}", *more],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        browser = Browser(base)
        for _ in range(100):
            try:
                browser.open("/healthz")
                break
            except OSError:
                time.sleep(0.2)
        browser.open("/sign-in", email=EMAIL, password=PASSWORD)
        yield server, browser
    finally:
        server.terminate()
        server.wait()


class Pages:
    """Asks for pages one after another until it is over, and keeps how long each took."""

    def __init__(self, browser, paths):
        self.browser, self.paths, self.took, self.over = browser, paths, [], threading.Event()
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()

    def ask(self):
        n = 0
        while not self.over.is_set():
            at = time.monotonic()
            self.browser.open(self.paths[n % len(self.paths)])
            self.took.append((time.monotonic() - at) * 1000)
            n += 1
            time.sleep(0.03)

    def end(self):
        self.over.set()
        self.thread.join()
        return figures(self.took)


def looked(browser, paths, seconds):
    """What pages take with nothing beside them."""
    pages = Pages(browser, paths)
    time.sleep(seconds)
    return pages.end()


def figures(took):
    took = sorted(took)
    return {"pages": len(took), "median": round(statistics.median(took), 1),
            "p95": round(took[int(len(took) * 0.95)], 1), "slowest": round(took[-1], 1)}


def keep(results, name, found, **about):
    """Puts figures beside those that are kept already."""
    kept = json.load(open(results)) if os.path.exists(results) else {}
    kept.update(about, on=time.strftime("%-d %b %Y"))
    kept[name] = found
    print(json.dumps({name: found}), flush=True)
    with open(results, "w") as out:
        json.dump(kept, out, indent=1)
        out.write("\n")
