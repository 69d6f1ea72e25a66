//! The columns a purchases CSV may have: the purchase itself, and whose it is. Both a customer and a purchase may have an
//! external id; the customer's own columns say so in their names.

use super::{Column, Field, Kind, one_line, text};
use crate::customers::clean;
use crate::imports::lines::Value;
use crate::purchases;

pub static PURCHASES: &[Column] = &[
    Column {
        field: Field::PurchaseId,
        key: "external_id",
        words: "External id of the purchase",
        headers: &[
            "external id",
            "purchase id",
            "external purchase id",
            "order id",
            "order number",
            "order no",
            "order",
            "transaction id",
            "invoice number",
            "receipt number",
            "bestellnummer",
        ],
        kind: Kind::Purchase { read: |raw, _| Ok(clean::external_id(raw)?.map(Value::Text)), needed: false },
    },
    Column {
        field: Field::Product,
        key: "product",
        words: "Product",
        headers: &["product", "product name", "item", "item name", "article", "sku", "produkt", "produto"],
        kind: Kind::Purchase { read: |raw, _| Ok(purchases::product(&one_line(raw))?.map(Value::Text)), needed: false },
    },
    Column {
        field: Field::Amount,
        key: "amount",
        words: "Amount",
        headers: &["amount", "total", "total amount", "order total", "price", "betrag", "valor"],
        kind: Kind::Purchase { read: |raw, here| Ok(Some(Value::Amount(purchases::amount(raw, here)?))), needed: true },
    },
    Column {
        field: Field::Currency,
        key: "currency",
        words: "Currency",
        headers: &["currency", "currency code", "waehrung", "wahrung", "moeda"],
        kind: Kind::Purchase {
            read: |raw, here| Ok(Some(Value::Text(purchases::currency(raw, here)?))),
            needed: false,
        },
    },
    Column {
        field: Field::PurchasedAt,
        key: "purchased_at",
        words: "Purchased at",
        headers: &[
            "purchased at",
            "purchase date",
            "purchased on",
            "purchased",
            "date of purchase",
            "bought at",
            "order date",
            "ordered at",
            "date",
            "paid at",
        ],
        kind: Kind::Purchase { read: |raw, here| Ok(clean::time(raw, here.zone)?.map(Value::Time)), needed: true },
    },
    Column {
        field: Field::Email,
        key: "email",
        words: "Email of the customer",
        headers: &["email", "e mail", "mail", "email address", "e mail address", "customer email"],
        kind: text(|raw, _| clean::email(raw), |draft| &mut draft.email),
    },
    Column {
        field: Field::Phone,
        key: "phone",
        words: "Phone of the customer",
        headers: &["phone", "phone number", "telephone", "mobile", "mobile number", "customer phone"],
        kind: text(|raw, here| clean::phone(raw, here.default_country.as_deref()), |draft| &mut draft.phone),
    },
    Column {
        field: Field::ExternalId,
        key: "customer_external_id",
        words: "External id of the customer",
        headers: &["customer external id", "external customer id", "customer number", "customer no", "kundennummer"],
        kind: text(|raw, _| clean::external_id(raw), |draft| &mut draft.external_id),
    },
    Column {
        field: Field::Id,
        key: "customer_id",
        words: "Muster's own id of the customer",
        headers: &["customer id", "muster id"],
        kind: Kind::Id,
    },
];
