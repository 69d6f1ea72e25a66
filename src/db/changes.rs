//! stub
use super::Conn;
use diesel::QueryResult;
#[derive(Clone, Debug, PartialEq)]
pub enum Version { Sequence(i64), Snapshot(String) }
pub struct Change { pub source: i16, pub key: i64, pub customers: Option<Vec<i64>> }
pub enum Since { Same, Changes(Vec<Change>), Lost }
pub fn since(_seen: Option<&Version>, _conn: &mut Conn) -> QueryResult<(Version, Since)> { Ok((Version::Sequence(0), Since::Lost)) }
pub fn customer_bit(_column: &str) -> Option<i64> { None }
pub const WHOLE: i64 = -1;
pub const CUSTOMERS: i16 = 1;
pub const TAGGINGS: i16 = 2;
pub const CONSENTS: i16 = 3;
pub const SEGMENT_MEMBERS: i16 = 4;
pub const CUSTOM_VALUES: i16 = 5;
pub const PURCHASES: i16 = 6;
pub const TAGS: i16 = 7;
pub const CAME_OR_WENT: i64 = 1;
pub fn channel_key(channel: &str) -> i64 { match channel { "email" => 1, "sms" => 2, "whatsapp" => 3, _ => 0 } }
