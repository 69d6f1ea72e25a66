//! Mails that came back, as different servers write them.

use super::*;
use proptest::prelude::*;

const POSTFIX: &str = r#"Return-Path: <>
Received: by mail.shop.example (Postfix) id 4F2A81C0; Mon, 21 Sep 2026 14:13:22 +0000 (UTC)
Date: Mon, 21 Sep 2026 14:13:22 +0000 (UTC)
From: MAILER-DAEMON@mail.shop.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: bounces@shop.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
	boundary="9C1B01C0.1790000002/mail.shop.example"
Message-Id: <20260921141322.4F2A81C0@mail.shop.example>

This is a MIME-encapsulated message.

--9C1B01C0.1790000002/mail.shop.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.shop.example.

<ana@nowhere.example>: host mx.nowhere.example[192.0.2.7] said: 550 5.1.1
    <ana@nowhere.example>: Recipient address rejected: User unknown (in reply to RCPT TO command)

--9C1B01C0.1790000002/mail.shop.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.shop.example
X-Postfix-Queue-ID: 9C1B01C0
X-Postfix-Sender: rfc822; bounces@shop.example
Arrival-Date: Mon, 21 Sep 2026 14:13:20 +0000 (UTC)

Final-Recipient: rfc822; ana@nowhere.example
Original-Recipient: rfc822;Ana@Nowhere.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.nowhere.example
Diagnostic-Code: smtp; 550 5.1.1 <ana@nowhere.example>: Recipient address
    rejected: User unknown

--9C1B01C0.1790000002/mail.shop.example
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Return-Path: <bounces@shop.example>
Received: from muster (localhost [127.0.0.1]) by mail.shop.example (Postfix)
Message-ID: <c3.r42.1@shop.example>
To: Ana <ana@nowhere.example>
Subject: Boots are back

--9C1B01C0.1790000002/mail.shop.example--
"#;

const POSTFIX_DELAYED: &str = r#"From: MAILER-DAEMON@mail.shop.example (Mail Delivery System)
Subject: Delayed Mail (still being retried)
Content-Type: multipart/report; report-type=delivery-status; boundary=b1

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.shop.example

Final-Recipient: rfc822; bo@slow.example
Action: delayed
Status: 4.4.1
Diagnostic-Code: X-Postfix; connect to mx.slow.example[192.0.2.9]:25: Connection timed out
Will-Retry-Until: Sat, 26 Sep 2026 14:13:20 +0000 (UTC)

--b1
Content-Type: message/rfc822

Message-ID: <c3.r43.1@shop.example>
Content-Type: multipart/alternative; boundary=b1b

--b1b
Content-Type: text/plain

--b1 is what this text begins with
--b1b--

--b1--
"#;

const EXCHANGE: &str = "From: postmaster@corp.example\r\n\
To: bounces@shop.example\r\n\
Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"2f6c0b1e-9a6c-4d5e-8a43-6e1f2f\"\r\n\
Content-Language: en-US\r\n\
Message-ID: <8d6d5f74-e8c0-4d5e@corp.example>\r\n\
In-Reply-To: <c3.r44.1@shop.example>\r\n\
References: <c3.r44.1@shop.example>\r\n\
Subject: Undeliverable: Boots are back\r\n\
Auto-Submitted: auto-replied\r\n\
\r\n\
--2f6c0b1e-9a6c-4d5e-8a43-6e1f2f\r\n\
Content-Type: multipart/alternative; differences=Content-Type;\r\n boundary=\"d1f3\"\r\n\
\r\n\
--d1f3\r\n\
Content-Type: text/plain; charset=\"us-ascii\"\r\n\
Content-Transfer-Encoding: quoted-printable\r\n\
\r\n\
cy@corp.example wasn't found at corp.example.=\r\n\
\r\n\
--d1f3\r\n\
Content-Type: text/html; charset=\"us-ascii\"\r\n\
\r\n\
<html><body><p>Action: failed</p></body></html>\r\n\
--d1f3--\r\n\
\r\n\
--2f6c0b1e-9a6c-4d5e-8a43-6e1f2f\r\n\
Content-Type: message/delivery-status\r\n\
\r\n\
Reporting-MTA: dns;AM0PR01MB1234.eurprd01.prod.exchangelabs.example\r\n\
Received-From-MTA: dns;mail.shop.example\r\n\
Arrival-Date: Mon, 21 Sep 2026 14:13:25 +0000\r\n\
\r\n\
Final-Recipient: rfc822;cy@corp.example\r\n\
Action: failed\r\n\
Status: 5.1.10\r\n\
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient cy@corp.example not found by SMTP address lookup\r\n\
X-Display-Name: Cy\r\n\
\r\n\
--2f6c0b1e-9a6c-4d5e-8a43-6e1f2f\r\n\
Content-Type: message/rfc822\r\n\
\r\n\
Received: from mail.shop.example (192.0.2.1) by AM0PR01MB1234\r\n\
From: The shop <news@shop.example>\r\n\
To: <cy@corp.example>\r\n\
Message-ID:\r\n <c3.r44.1@shop.example>\r\n\
MIME-Version: 1.0\r\n\
Content-Type: text/plain\r\n\
\r\n\
Boots are back.\r\n\
--2f6c0b1e-9a6c-4d5e-8a43-6e1f2f--\r\n";

const GMAIL: &str = r#"Delivered-To: bounces@shop.example
From: Mail Delivery Subsystem <mailer-daemon@googlemail.example>
To: bounces@shop.example
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
References: <c3.r45.1@shop.example>
In-Reply-To: <c3.r45.1@shop.example>
X-Failed-Recipients: di@gone.example
Message-ID: <68cfe8c2.050a0220@mx.google.example>
Content-Type: multipart/report; boundary="0000000000004d5e8a0626c1"; report-type=delivery-status

--0000000000004d5e8a0626c1
Content-Type: multipart/related; boundary="0000000000004d5e8f0626c7"

--0000000000004d5e8f0626c7
Content-Type: multipart/alternative; boundary="0000000000004d5e920626c8"

--0000000000004d5e920626c8
Content-Type: text/plain; charset="UTF-8"


** Address not found **

Your message wasn't delivered to di@gone.example because the address couldn't be found.

--0000000000004d5e920626c8--
--0000000000004d5e8f0626c7
Content-Type: image/png; name="icon.png"
Content-Transfer-Encoding: base64
Content-ID: <icon.png>

iVBORw0KGgoAAAANSUhEUgAAAJAAAACQCAYAAADnRuK4AAAACXBIWXMAABYlAAAWJQFJUiTwAAAA
--0000000000004d5e8f0626c7--
--0000000000004d5e8a0626c1
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.example
Arrival-Date: Mon, 21 Sep 2026 07:13:21 -0700 (PDT)
X-Original-Message-ID: <c3.r45.1@shop.example>

Final-Recipient: rfc822; di@gone.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; gmail-smtp-in.l.google.example. (192.0.2.27, the server for
 the domain gone.example.)
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try
 550-5.1.1 double-checking the recipient's email address for typos or
 550 5.1.1 unnecessary spaces. - gsmtp
Last-Attempt-Date: Mon, 21 Sep 2026 07:13:22 -0700 (PDT)

--0000000000004d5e8a0626c1--
"#;

const COMPLAINT: &str = r#"From: <feedback@isp.example>
To: <abuse@shop.example>
Subject: FW: Boots are back
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
     boundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report for an email message received from IP 192.0.2.1.

--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <bounces@shop.example>
Original-Rcpt-To: <eva@isp.example>
Source-IP: 192.0.2.1

--part1_13d.2e68ed54_boundary
Content-Type: message/rfc822
Content-Disposition: inline

From: <news@shop.example>
To: <eva@isp.example>
Subject: Boots are back
Message-ID: <c3.r46.1@shop.example>

Boots are back.
--part1_13d.2e68ed54_boundary--
"#;

const LETTER: &str = r#"From: Ana <ana@example.com>
To: shop@shop.example
Subject: Action: failed?
In-Reply-To: <c3.r42.1@shop.example>
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

Final-Recipient: rfc822; ana@example.com
Action: failed
Status: 5.1.1
--b
Content-Type: message/rfc822

Subject: what came back to me
Content-Type: multipart/report; report-type=delivery-status; boundary=c

--c
Content-Type: message/delivery-status

Final-Recipient: rfc822; bo@example.com
Action: failed
Status: 5.1.1
--c--
--b--
"#;

fn of(mail: &str) -> Report {
    read(mail.as_bytes()).expect("a report")
}

fn report(kind: Kind, address: &str, id: &str, said: &str) -> Report {
    Report { kind, address: Some(address.into()), message_id: Some(id.into()), said: said.into() }
}

#[test]
fn what_servers_write_is_understood() {
    let expected = [
        (
            POSTFIX,
            report(
                Kind::Failed,
                "Ana@Nowhere.example",
                "c3.r42.1@shop.example",
                "550 5.1.1 <ana@nowhere.example>: Recipient address rejected: User unknown",
            ),
        ),
        (
            POSTFIX_DELAYED,
            report(
                Kind::Delayed,
                "bo@slow.example",
                "c3.r43.1@shop.example",
                "connect to mx.slow.example[192.0.2.9]:25: Connection timed out",
            ),
        ),
        (
            EXCHANGE,
            report(
                Kind::Failed,
                "cy@corp.example",
                "c3.r44.1@shop.example",
                "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient cy@corp.example not found by SMTP address lookup",
            ),
        ),
        (
            GMAIL,
            report(
                Kind::Failed,
                "di@gone.example",
                "c3.r45.1@shop.example",
                "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking \
                 the recipient's email address for typos or 550 5.1.1 unnecessary spaces. - gsmtp",
            ),
        ),
        (COMPLAINT, report(Kind::Complaint, "eva@isp.example", "c3.r46.1@shop.example", "abuse")),
    ];
    for (mail, report) in expected {
        assert_eq!(of(mail), report);
        let other_ends = if mail.contains('\r') { mail.replace("\r\n", "\n") } else { mail.replace('\n', "\r\n") };
        assert_eq!(of(&other_ends), report, "with the other kind of line ends");
    }
}

#[test]
fn a_letter_is_none_of_them() {
    for mail in
        [LETTER, "Subject: hello\n\nAction: failed\nStatus: 5.1.1\n", "hello", "", "\n\n", ":\n:\n", "--b\n--b--\n"]
    {
        assert_eq!(read(mail.as_bytes()), None, "{mail}");
    }
    for (from, to) in [
        ("Action: failed\nStatus: 5.1.1", "Action: delivered\nStatus: 2.1.5"),
        ("Action: failed\nStatus: 5.1.1", "Action: relayed\nStatus: 2.0.0"),
        ("Action: failed\nStatus: 5.1.1", "X-Nothing: at all"),
        ("message/delivery-status", "text/plain"),
        ("multipart/report; report-type=delivery-status;", "text/plain;"),
    ] {
        let mail = POSTFIX.replace(from, to);
        let parts = from.starts_with("multipart");
        assert!(mail != POSTFIX && (parts || read(mail.as_bytes()).is_none()), "{to}");
    }
    for kind in ["not-spam", "auth-failure"] {
        let mail = COMPLAINT.replace("Feedback-Type: abuse", &format!("Feedback-Type: {kind}"));
        assert_eq!(read(mail.as_bytes()), None, "{kind}");
    }
}

#[test]
fn the_action_and_the_status_say_together_what_happened() {
    for (action, status, kind) in [
        ("Action: failed", "Status: 5.1.1", Some(Kind::Failed)),
        ("action:FAILED", "STATUS:  5.7.1 (spam)", Some(Kind::Failed)),
        ("Action: failed", "X-Status: 5.1.1", Some(Kind::Failed)),
        ("X-Action: failed", "Status: 5.1.1", Some(Kind::Failed)),
        ("Action: failed", "Status: 4.4.7", Some(Kind::Delayed)),
        ("Action: delayed", "Status: 4.2.2", Some(Kind::Delayed)),
        ("Action: delayed", "Status: 5.0.0", Some(Kind::Delayed)),
        ("X-Action: failed", "Status: 4.2.2", Some(Kind::Delayed)),
        ("Action: delivered", "Status: 5.1.1", None),
        ("X-Action: failed", "Status: 2.0.0", None),
    ] {
        let mail = POSTFIX.replace("Action: failed\nStatus: 5.1.1", &format!("{action}\n{status}"));
        assert_eq!(read(mail.as_bytes()).map(|report| report.kind), kind, "{action}, {status}");
    }
}

#[test]
fn what_is_missing_is_taken_from_elsewhere_or_left_open() {
    // Nothing was returned: the mail is an answer to ours.
    let bare = EXCHANGE.replace("Content-Type: message/rfc822", "Content-Type: text/plain");
    assert_eq!(of(&bare).message_id.as_deref(), Some("c3.r44.1@shop.example"));
    assert_eq!(of(&bare.replace("In-Reply-To", "X-Other")).message_id, None);
    assert_eq!(of(&GMAIL.replace("In-Reply-To", "X-Other")).message_id.as_deref(), Some("c3.r45.1@shop.example"));
    // An address that is none.
    let other = POSTFIX.replace("rfc822;Ana@Nowhere.example", "x400; /G=Ana/S=Ek/");
    assert_eq!(of(&other).address.as_deref(), Some("ana@nowhere.example"));
    assert_eq!(of(&COMPLAINT.replace("Original-Rcpt-To", "X-Redacted")).address, None);
    // No words of the server: its number.
    assert_eq!(of(&POSTFIX.replace("Diagnostic-Code", "X-Code")).said, "5.1.1");
    // Of several recipients the one who did not get it.
    let two = POSTFIX.replace(
        "Final-Recipient: rfc822; ana",
        "Final-Recipient: rfc822; x@y.example\nAction: relayed\n\nFinal-Recipient: rfc822; ana",
    );
    assert_eq!(of(&two).address.as_deref(), Some("Ana@Nowhere.example"));
    // What is packed is unpacked.
    let (_, rest) = POSTFIX.split_once("Content-Type: message/delivery-status\n\n").unwrap();
    let (plain, _) = rest.split_once("--9C1B").unwrap();
    use base64::Engine;
    let packed = base64::prelude::BASE64_STANDARD.encode(plain);
    let packed = POSTFIX.replace(plain, &format!("{packed}\n")).replace(
        "Content-Type: message/delivery-status\n",
        "Content-Type: message/global-delivery-status\nContent-Transfer-Encoding: BASE64\n",
    );
    assert_eq!(of(&packed), of(POSTFIX));
}

#[test]
fn a_mail_without_end_is_read_as_far_as_it_matters() {
    let huge = POSTFIX.replace("Subject: Boots are back", &format!("Subject: {}", "boots ".repeat(1_000_000)));
    assert!(huge.len() > 5 * LONGEST);
    assert_eq!(of(&huge), of(POSTFIX));
    let late = POSTFIX.replace("This is a MIME", &"filler\n".repeat(LONGEST / 6));
    assert_eq!(read(late.as_bytes()), None, "what is said after a megabyte is not heard");
}

/// Each is a megabyte of whatever a reader of mails might stumble over. It must neither end the program nor take long.
#[test]
fn a_mail_made_to_harm_is_only_a_mail() {
    let report = "Content-Type: multipart/report; boundary=b\n\n";
    let fill = |head: &str, piece: &str| format!("{head}{}", piece.repeat(LONGEST / piece.len()));
    let status = "--b\nContent-Type: message/delivery-status\n\n";
    for mail in [
        fill("", "Content-Type: message/rfc822\n\n"),
        fill(report, "--b\nContent-Type: message/rfc822\n\n"),
        fill(report, "--b\nContent-Type: multipart/report; boundary=b\n\n"),
        fill("", "Content-Type: multipart/digest; boundary=b\n\n--b\n\n"),
        fill(report, "--b\n"),
        fill(report, "--b\nA: b\n\n"),
        fill("Content-Type: multipart/report; boundary=\"\"\n\n", "--\n"),
        fill(&format!("{report}{status}"), "\nAction: relayed\n"),
        fill(&format!("{report}{status}"), "Action: failed\n"),
        fill(&format!("{report}{status}Diagnostic-Code: "), "=?utf-8?q?=41?= "),
        fill(&format!("{report}{status}Diagnostic-Code: "), "x\n\t"),
        fill("Content-Type: ", "a=\"b\\\";"),
        fill("Content-Type: ", "multipart/report;"),
        fill("Content-Type: multipart/report", ";\n boundary*0=b"),
        fill("To: ", "<((((\"\\"),
        fill("", "A"),
        fill("", "A:"),
        fill("", ":\n"),
        fill("", "\r"),
        fill("", "\0\u{ff}\n\n"),
    ] {
        let started = std::time::Instant::now();
        let _ = read(mail.as_bytes());
        assert!(started.elapsed().as_secs() < 5, "{:?}: {:?}", started.elapsed(), &mail[..60]);
    }
}

proptest! {
    #[test]
    fn whatever_comes_nothing_breaks(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read(&bytes);
    }

    /// A mail that came back, with pieces of it lost, doubled and overwritten.
    #[test]
    fn a_broken_report_breaks_nothing(
        which in 0usize..6,
        wounds in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..40, proptest::collection::vec(any::<u8>(), 0..6)), 1..12),
    ) {
        let mut mail = [POSTFIX, POSTFIX_DELAYED, EXCHANGE, GMAIL, COMPLAINT, LETTER][which].as_bytes().to_vec();
        for (at, len, bytes) in wounds {
            let at = at.index(mail.len() + 1);
            let end = (at + len).min(mail.len());
            mail.splice(at..end, bytes);
        }
        if let Some(report) = read(&mail) {
            prop_assert!(report.said.chars().count() <= 501 && !report.said.contains(char::is_control));
            prop_assert!(report.address.is_none_or(|address| address.contains('@')));
        }
    }
}
