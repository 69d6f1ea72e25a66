#!/usr/bin/env python3
"""Makes the CSV files of this folder, and expected.json, which says what an import of each has to come to.

    tests/data/csv/make.py            writes them
    tests/data/csv/make.py --check    says what differs from what is here, and changes nothing

Nothing of Muster has a part in this. Files are taken apart with Python's csv module, or line by line where a quotation
mark is missing; who is created, updated or rejected is worked out by the few rules below. All files are imported into
one database, so no two share an external id, an email address or a phone number.
"""

import csv
import io
import json
import re
import sys
import unicodedata
import zipfile
import zlib
from pathlib import Path

HERE = Path(__file__).parent
FILES = {}
EXPECTED = {}


# What a cell says.

def plain(cell):
    if re.match(r"'+[=+\-@\t\r]", cell) or re.fullmatch(r"'+\(clear\)", cell):
        cell = cell[1:]
    return cell.strip()


def one_line(text):
    return " ".join(part.strip() for part in re.split(r"[\r\n]+", text) if part.strip())


def shortened(text):
    return re.fullmatch(r"\+?\d([.,]\d+)?[eE]\+\d+", text) is not None


def good(header, text):
    if header == "phone":
        digits = re.sub(r"\D", "", text)
        return not shortened(text) and text.startswith("+") and 7 <= len(digits) <= 15
    if header == "external_id":
        return not shortened(text)
    if header == "email":
        return re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text) is not None
    if header.endswith("_consent"):
        words = ("true", "yes", "1", "opted in", "false", "no", "0", "opted out", "unknown")
        return text.lower() in words
    if header in ("created_at", "last_seen_at"):
        return re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d))?", text) is not None
    return True


# What the records are.

def lines_of(text):
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", text)


def records(text, delimiter):
    reader, before = csv.reader(iter(lines_of(text)), delimiter=delimiter), 0
    for cells in reader:
        yield before + 1, cells
        before = reader.line_num


def records_of_one_line(text, delimiter):
    """For files with a quotation mark too few: none of their records has a line break."""
    for number, line in enumerate(lines_of(text), 1):
        if line.count('"') % 2:
            yield number, None
        else:
            yield number, (list(csv.reader([line], delimiter=delimiter)) or [[]])[0]


# What becomes of them.

KEYS = ("external_id", "email", "phone")
READ = KEYS + ("name", "city", "tags", "email_consent", "created_at", "last_seen_at")


def settle(found, offset):
    people, header = [], None
    out = dict(lines=0, header=0, blank=0, created=0, updated=0, unchanged=0, skipped=0, rejected=0)
    rejected_lines = []
    for number, cells in found:
        out["lines"] += 1
        outcome = None
        if cells is not None and all(not cell.strip() for cell in cells):
            outcome = "blank"
        elif header is None:
            outcome, header = "header", []
            for name in cells:
                name = plain(name)
                header.append(name if name in READ and name not in header else None)
            width = len(cells)
        elif cells is None or len(cells) != width or any(re.search("[\0\ufffd]", cell) for cell in cells):
            outcome = "rejected"
        else:
            given = {name: plain(cell) for name, cell in zip(header, cells) if name and plain(cell)}
            given = {name: one_line(value) if name in ("name", "city") else value for name, value in given.items()}
            outcome = about(given, people)
        out[outcome] += 1
        if outcome == "rejected":
            rejected_lines.append(number + offset)
    out["rejected_lines"] = rejected_lines
    out["people"] = [[unicodedata.normalize("NFC", person.get(name, "")) for name in ("external_id", "name", "city")]
                     + [sorted(person["tags"])] for person in people]
    return out


def about(given, people):
    if not all(good(name, value) for name, value in given.items()):
        return "rejected"
    hit = {id(person): person for person in people for key in KEYS if key in given and person.get(key) == given[key]}
    if len(hit) > 1:
        return "rejected"
    tags = {name.strip() for name in given.pop("tags", "").split(";") if name.strip()}
    # Nobody is opted in without proof, and these files come without any.
    if given.get("email_consent", "").lower() in ("true", "yes", "1", "opted in"):
        del given["email_consent"]
    elif "email_consent" in given:
        said = given["email_consent"].lower()
        given["email_consent"] = "unknown" if said == "unknown" else "opted out"
    if not hit:
        if not any(key in given for key in KEYS + ("name",)):
            return "rejected"
        people.append(dict(given, tags={tag.lower() for tag in tags}))
        return "created"
    person = next(iter(hit.values()))
    before = dict(person, tags=set(person["tags"]))
    if given.get("email_consent") == "unknown" and "email_consent" not in person:
        del given["email_consent"]
    person.update(given)
    person["tags"] |= {tag.lower() for tag in tags}
    return "unchanged" if person == before else "updated"


# The files.

def refused(name, data, words):
    FILES[name], EXPECTED[name] = data, {"refused": words}


def file(name, text, encoding="utf-8", mark=b"", delimiter=",", read_as="UTF-8 · comma", read=records, skip=0, data=None):
    """`skip` lines at the beginning are no records; `data` are the bytes where they are not simply the text encoded."""
    FILES[name] = mark + text.encode(encoding) if data is None else data
    text = "".join(lines_of(text)[skip:])
    EXPECTED[name] = dict(settle(read(text, delimiter), skip), read_as=read_as)


phones = iter(range(1_000_000, 2_000_000))


def phone():
    return f"+4670{next(phones)}"


def people(stem, names, delimiter=",", ending="\n", last=True):
    """Five columns, a line a name."""
    rows = [["external_id", "name", "city", "email", "tags"]]
    for n, (name, city) in enumerate(names, 1):
        rows.append([f"{stem}-{n}", name, city, f"p{n}@{stem}.example.com", "VIP;Fair" if n % 2 else ""])
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=ending).writerows(rows)
    text = out.getvalue()
    return text if last else text[:-len(ending)]


WEST = [("Zoë Ångström", "Göteborg"), ("José Peña", "Málaga"), ("Jürgen Groß", "Köln"), ("Anaïs “Nin”", "Besançon"),
        ("Bo, the second", "Tønsberg; Vestfold")]
EAST = [("山田太郎", "東京都新宿区"), ("鈴木花子", "大阪市北区"), ("高橋健一", "名古屋市中区"), ("田中さくら", "札幌市"),
        ("ヤマモト カズオ", "横浜市西区"), ("佐藤 ゆき", "福岡市博多区")]
WORLD = WEST + EAST + [("Иван Петров", "Москва"), ("Ελένη", "Αθήνα"), ("👩‍👩‍👧 family", "🌍"), ("Nguyễn Thị Hoà", "Huế")]


def encodings():
    file("utf-8.csv", people("utf-8", WORLD))
    file("utf-8-bom.csv", people("utf-8-bom", WORLD, ";"), mark=b"\xef\xbb\xbf", delimiter=";",
         read_as="UTF-8 with BOM · semicolon")
    file("utf-16le-bom.csv", people("utf-16le-bom", WORLD, "\t", "\r\n"), "utf-16-le", b"\xff\xfe", "\t",
         "UTF-16LE with BOM · tab")
    file("utf-16be-bom.csv", people("utf-16be-bom", WORLD, ",", "\n", False), "utf-16-be", b"\xfe\xff", ",",
         "UTF-16BE with BOM · comma")
    file("windows-1252.csv", people("windows-1252", WEST + [("Renée", "5 € Platz")], ";", "\r\n"), "windows-1252",
         delimiter=";", read_as="windows-1252 · semicolon")
    file("shift-jis.csv", people("shift-jis", EAST, ",", "\r\n"), "cp932", read_as="Shift_JIS · comma")
    text = people("utf-8-broken", WEST * 4)
    bad = text.replace("utf-8-broken-7,José", "utf-8-broken-7,Jos\ufffd")
    file("utf-8-broken.csv", bad, data=bad.encode().replace("\ufffd".encode(), b"\xe9"))
    refused("utf-16le-no-bom.csv", people("utf-16le-no-bom", WEST).encode("utf-16-le"), "full of NUL bytes")


def delimiters():
    for name, delimiter in [("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("pipe", "|")]:
        words = "vertical bar" if name == "pipe" else name
        file(f"{name}.csv", people(name, WEST, delimiter), delimiter=delimiter, read_as=f"UTF-8 · {words}")
    text = people("sep", [("1,5", "2,5"), ("3,5", "4,5"), ("a;b", "c,d")], ";", "\r\n")
    file("sep.csv", "sep=;\r\n" + text, delimiter=";", read_as="UTF-8 · semicolon", skip=1)
    file("one-column.csv", "email\na@one-column.example.com\nb@one-column.example.com\n")


def endings():
    two = [("Anna\nof two lines", "Oslo\n\nagain"), ("Bo", "\"quoted\"\n"), ("Cy", "plain")]
    for name, ending in [("lf", "\n"), ("crlf", "\r\n"), ("cr", "\r")]:
        file(f"{name}.csv", people(name, [(a.replace("\n", ending), b.replace("\n", ending)) for a, b in two], ",", ending))
    file("mixed.csv", "external_id,name\r\nmixed-1,Ana\rmixed-2,\"Bo\r\nof\rthree\n lines\"\n\r\n\r\rmixed-3,Cy\n\n"
                      "mixed-4,Di,ragged\r\nmixed-5,Eva")
    file("no-final-newline.csv", people("no-final-newline", WEST, ",", "\r\n", False))


def lines():
    file("blank-lines.csv", "\n\r\n,,,\nexternal_id,name,city,tags\n\nblank-1,Ana,,\n,,,\n , ,\t,  \n\"\",\"\",,\"\"\n,,\n"
                            "   \nblank-2,Bo,,\n\n\n")
    file("header-only.csv", "external_id,name,email\n")
    file("header-only-no-newline.csv", "external_id;name;email", delimiter=";", read_as="UTF-8 · semicolon")
    refused("empty.csv", b"", "The file is empty")
    refused("empty-bom.csv", b"\xef\xbb\xbf", "The file is empty")
    refused("only-blank.csv", b"\n\n,,,\n  \n", "The file is empty")
    file("ragged.csv", "external_id,name,city\nragged-1,Ana,Oslo\nragged-2,Bo\nragged-3,Cy,Oslo,Norway\nragged-4,Di,Oslo\n"
                       "ragged-5,Eva,Oslo,\n\"ragged-6,Finn,Oslo\"\nragged-7,Gus,\n")
    file("open-quote.csv", "external_id,name,city\nopen-1,Ana,Oslo\nopen-2,\"Bo,Oslo\nopen-3,\"Cy\",Oslo\nopen-4,Di,Oslo\n"
                           "open-5,\"Eva \"\"the\"\" first\",Oslo\n", read=records_of_one_line)
    file("open-quote-last.csv", "external_id,name\nopenlast-1,Ana\nopenlast-2,Bo\nopenlast-3,\"Cy", read=records_of_one_line)
    file("loose-quotes.csv", "external_id,name,city\nloose-1,\"Bob\" Smith,5\" pipe\nloose-2,\"say \"\"hi\"\"\",\"\"\n"
                             "loose-3,O'Brien,\"a, \"\"b\"\", c\"\n")
    long = "".join(f"nul-{n},Somebody with a name,Somewhere\n" for n in range(3, 12))
    file("nul.csv", "external_id,name,city\nnul-1,Ana,Oslo\nnul-2,B\0o,Oslo\n" + long)
    file("empty-headers.csv", "external_id,,name,, \nnohead-1,x,Ana,y,z\nnohead-2,,Bo,,\n")
    file("duplicate-headers.csv", "external_id,name,name,email,email\n"
                                  "twice-1,Ana,Anna,a@twice.example.com,not an address\ntwice-2,Bo,,,\n")
    file("guarded-headers.csv", "'=external_id,external_id, name ,\"city\"\nx,guardedhead-1,Ana,Oslo\n")


def cells():
    file("excel-numbers.csv",
         f"external_id,name,phone\nexcel-1,Ana,5.51E+12\n4.6701E+11,Bo,\nexcel-3,Cy,'{phone()}\n5E+11,Di,\n"
         f"excel-5,Eva,\"5,51E+12\"\nexcel-6,Finn,{phone()}\nexcel-7,Gus,+5.5E+12\n12E5,Hal,\nexcel-9,Ida,'+46701\n")
    file("formulas.csv",
         "external_id,name,city\nformula-1,=1+1,'=SUM(A1:A9)\nformula-2,@home,'@home\nformula-3,-Bo,'-Bo\n"
         "formula-4,''=two,'''@three\nformula-5,'quoted','tis\nformula-6,\"=HYPERLINK(\"\"http://x\"\")\",'\nformula-7,'(clear),''(clear)\n"
         "formula-8,\"'\t=tab\",  spaces  \n")
    file("same-key.csv", "external_id,name,city,tags\nsame-1,Ana,Oslo,A\nsame-2,Bo,Oslo,\nsame-1,Ana,Oslo,\nsame-1,Ana,Rio,B\n"
                         "same-2,,,\nsame-2,,Lund,\nsame-1,Ana,Rio,a;b\n")
    one, two = phone(), phone()
    file("two-customers.csv",
         f"external_id,email,phone,city\ntwo-1,a@two.example.com,{one},Oslo\ntwo-2,b@two.example.com,{two},Oslo\n"
         f",a@two.example.com,{two},Rio\ntwo-1,b@two.example.com,,Rio\n,a@two.example.com,{one},Rio\ntwo-3,,{one},\n"
         f"two-3,c@two.example.com,,\n")
    file("addresses.csv", "external_id,email\nmail-1,a@mail.example.com\nmail-2,a@mail\nmail-3,mail\nmail-4,@mail.example.com\n"
                          "mail-5,x y@mail.example.com\nmail-6,b@mail.example.com\n")
    file("consent.csv", "external_id,email_consent\n" + "".join(
        f"consent-{n},{word}\n" for n, word in enumerate(
            ["true", "yes", "1", "opted in", "false", "no", "0", "opted out", "unknown", "", "Yes", "OPTED OUT", "maybe",
             "2", "ja"], 1)) + "consent-1,unknown\nconsent-5,no\nconsent-6,unknown\nconsent-6,0\n")
    file("times.csv", "external_id,created_at,last_seen_at\ntime-1,2025-12-31,2025-12-31T23:30:00-03:00\n"
                      "time-2,2025-12-31T14:30:00Z,\ntime-3,31.12.2025,\ntime-4,12/31/2025,\ntime-5,,2025-12-31 14:30\n"
                      "time-6,2025-12-31T14:30,\n")


def other_kinds():
    def packed(members):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, text in members.items():
                member = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
                member.create_system = 3
                archive.writestr(member, text)
        return out.getvalue()

    def gzipped(data):
        """Stored, by hand: compressors differ from one machine to the next."""
        size = len(data).to_bytes(2, "little")
        stored = b"\x01" + size + bytes(byte ^ 0xff for byte in size) + data
        sums = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
        return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + stored + sums

    rows = "<row><c t=\"inlineStr\"><is><t>email</t></is></c></row>"
    book = {
        "[Content_Types].xml": "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>",
        "xl/workbook.xml": "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"/>",
        "xl/worksheets/sheet1.xml": f"<worksheet><sheetData>{rows}</sheetData></worksheet>",
    }
    refused("workbook.xlsx", packed(book), "an Excel workbook or a zip archive, not CSV")
    refused("workbook-named.csv", packed(book), "an Excel workbook or a zip archive, not CSV")
    refused("zip-named.csv", packed({"people.csv": people("zip", WEST)}), "an Excel workbook or a zip archive, not CSV")
    refused("zip-of-nothing.csv", packed({}), "an empty zip archive, not CSV")
    refused("gzip-named.csv", gzipped(people("gzip", WEST).encode()), "compressed with gzip, not CSV")


def main():
    for part in (encodings, delimiters, endings, lines, cells, other_kinds):
        part()
    entries = [f"{json.dumps(name)}: {json.dumps(EXPECTED[name], ensure_ascii=False)}" for name in sorted(EXPECTED)]
    FILES["expected.json"] = ("{\n" + ",\n".join(entries) + "\n}\n").encode()
    if "--check" not in sys.argv:
        for name, data in FILES.items():
            (HERE / name).write_bytes(data)
        return
    here = {path.name for path in HERE.iterdir()} - {Path(__file__).name}
    wrong = sorted(here ^ set(FILES)) + [name for name in sorted(here & set(FILES)) if (HERE / name).read_bytes() != FILES[name]]
    if wrong:
        sys.exit("not as make.py makes them: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
