//! SPEC 7 as one table: each right, the words a refusal uses, and who holds it.

use super::Caller;
use crate::web;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Agent,
    Marketer,
    Admin,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Agent, Role::Marketer, Role::Admin];

    pub fn key(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Marketer => "marketer",
            Role::Admin => "admin",
        }
    }

    pub fn parse(key: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.key() == key)
    }
}

/// How a role is read back from the database.
impl TryFrom<String> for Role {
    type Error = String;

    fn try_from(key: String) -> Result<Role, String> {
        Role::parse(&key).ok_or_else(|| format!("there is no role {key}"))
    }
}

/// Something a person may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// See, create and edit customers, tag and untag, private segments.
    Customers,
    DeleteCustomers,
    ManageTags,
    ShareSegments,
    BulkActions,
    PrepareCampaigns,
    Export,
    Send,
    Import,
    /// Users, tokens, settings, custom fields, audit log, erase a person.
    Administer,
}

/// Who holds a right.
enum Held {
    /// This role and every one above it.
    From(Role),
    /// A right of its own, given to single people; admins have it.
    Given(fn(&Caller) -> bool),
}

struct Row {
    right: Right,
    words: &'static str,
    held: Held,
}

const fn row(right: Right, words: &'static str, held: Held) -> Row {
    Row { right, words, held }
}

const RIGHTS: &[Row] = &[
    row(Right::Customers, "see and edit customers", Held::From(Role::Agent)),
    row(Right::DeleteCustomers, "delete customers", Held::From(Role::Marketer)),
    row(Right::ManageTags, "manage tags", Held::From(Role::Marketer)),
    row(Right::ShareSegments, "share segments", Held::From(Role::Marketer)),
    row(Right::BulkActions, "change many customers at once", Held::From(Role::Marketer)),
    row(Right::PrepareCampaigns, "prepare campaigns", Held::From(Role::Marketer)),
    row(Right::Export, "export customers", Held::Given(|caller| caller.may_export)),
    row(Right::Send, "send a campaign", Held::Given(|caller| caller.may_send)),
    row(Right::Import, "import customers", Held::From(Role::Admin)),
    row(Right::Administer, "administer this workspace", Held::From(Role::Admin)),
];

impl Right {
    fn row(self) -> &'static Row {
        RIGHTS.iter().find(|row| row.right == self).unwrap_or(&RIGHTS[RIGHTS.len() - 1])
    }

    /// As a refusal says it: "You may not {words}."
    pub fn words(self) -> &'static str {
        self.row().words
    }

    /// The refusal for whoever has it not: what may not be done, and who may.
    pub fn refusal(self) -> web::Error {
        let who = match self.row().held {
            Held::Given(_) => "Admins may, and marketers whom an admin gave the right.",
            Held::From(Role::Admin) => "Admins may.",
            Held::From(_) => "Marketers and admins may.",
        };
        web::Error::Forbidden(self.words(), who)
    }

    pub fn held_by(self, caller: &Caller) -> bool {
        match self.row().held {
            Held::From(role) => caller.role >= role,
            // SPEC 7: a right of its own for marketers; agents cannot be given it, admins have it.
            Held::Given(given) => caller.role == Role::Admin || (caller.role == Role::Marketer && given(caller)),
        }
    }
}

/// What a route asks of whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, signed in or not.
    Public,
    /// Whoever signs what it sends with the workspace's secret for that: the handler checks it against the body.
    Signed,
    /// Anybody signed in.
    SignedIn,
    Needs(Right),
}
