//! A segment is changed and frozen in a real browser.

use crate::support::walks::{signed_in, walk};
use crate::support::{audiences, sqlite, world};
use muster::agents::Role;

#[test]
fn somebody_changes_a_filter_sees_who_moves_and_saves_then_freezes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    world(&db);
    audiences(&db);
    walk(&db, async |driver, server| {
        let marketer = signed_in(driver, server, Role::Marketer).await;
        marketer.open("/segments").await;
        marketer.press("VIPs").await;
        marketer.sees("h1", "VIPs").await;
        marketer.press("Rename or share").await;
        marketer.press("Filter as text").await;
        marketer.fill("#segment-filter", "tags contains Wholesale").await;
        marketer.press("Check the change").await;
        marketer.sees("#diff .grow", "3→2").await;
        marketer.sees("#followers", "VIPs in Brazil").await;
        marketer.press("Show names").await;
        marketer.sees("#joining", "Bo").await;
        marketer.sees("#leaving", "Eva").await;
        // What was typed is still there, and can be typed on.
        marketer.fill("#segment-filter", "tags contains Wholesale and city is empty").await;
        marketer.press("Check the change").await;
        marketer.sees("#diff .grow", "3→1").await;
        marketer.press("Save: 2 leave").await;
        marketer.sees("#sentence", "Tagged Wholesale").await;
        assert_eq!(marketer.count().await, 1);

        marketer.press("Freeze").await;
        marketer.fill("#name", "Kept").await;
        marketer.press("Freeze 1 customer").await;
        marketer.sees("h1", "Kept").await;
        marketer.sees("#sentence", "Made of the members of VIPs").await;
        assert_eq!(marketer.complaints().await, [""; 0]);
        marketer.close().await;
    });
}
