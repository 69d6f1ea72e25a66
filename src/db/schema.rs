//! The tables, written by hand: one schema for both databases. Each column stands in `migrations/{sqlite,postgres}`.

diesel::table! { agents (id) {
    id -> BigInt, email -> Text, name -> Text, role -> Text, may_send -> Bool, may_export -> Bool,
    password_hash -> Text, created_at -> Timestamp, disabled_at -> Nullable<Timestamp>,
} }
diesel::table! { sessions (key_hash) {
    key_hash -> Text, agent_id -> Nullable<BigInt>, state -> Text,
    created_at -> Timestamp, last_used_at -> Timestamp, expires_at -> Timestamp,
} }
diesel::table! { sign_in_failures (id) { id -> BigInt, key -> Text, at -> Timestamp, } }
diesel::table! { tokens (id) {
    id -> BigInt, name -> Text, role -> Text, token_hash -> Text,
    created_at -> Timestamp, last_used_at -> Nullable<Timestamp>, revoked_at -> Nullable<Timestamp>,
} }
diesel::table! { settings (key) { key -> Text, value -> Text, } }
diesel::table! { audit_log (id) {
    id -> BigInt, at -> Timestamp, actor -> Text, action -> Text, subject -> Text, details -> Text,
} }
diesel::table! { customers (id) {
    id -> BigInt,
    name -> Nullable<Text>, name_folded -> Nullable<Text>,
    email -> Nullable<Text>, email_folded -> Nullable<Text>,
    phone -> Nullable<Text>,
    external_id -> Nullable<Text>, external_id_folded -> Nullable<Text>,
    country -> Nullable<Text>,
    city -> Nullable<Text>, city_folded -> Nullable<Text>,
    language -> Nullable<Text>, language_folded -> Nullable<Text>,
    created_at -> Timestamp, updated_at -> Timestamp, last_seen_at -> Nullable<Timestamp>,
    purchase_count -> BigInt, total_spent -> BigInt,
    first_purchase_at -> Nullable<Timestamp>, last_purchase_at -> Nullable<Timestamp>,
} }
diesel::table! { field_changes (id) {
    id -> BigInt, customer_id -> BigInt, at -> Timestamp, field -> Text, before -> Nullable<Text>, after -> Nullable<Text>,
    actor -> Text, agent_id -> Nullable<BigInt>, source -> Text, source_id -> Nullable<BigInt>,
} }
diesel::table! { consents (customer_id, channel) {
    customer_id -> BigInt, channel -> Text, state -> Text, changed_at -> Timestamp, source -> Text,
} }
diesel::table! { tags (id) {
    id -> BigInt, name -> Text, name_key -> Text, name_folded -> Text, colour -> Text, description -> Text,
    created_at -> Timestamp, family_id -> Nullable<BigInt>, archived_at -> Nullable<Timestamp>,
} }
diesel::table! { tag_families (id) { id -> BigInt, name -> Text, name_key -> Text, created_at -> Timestamp, } }
diesel::table! { tag_aliases (name_key) {
    name_key -> Text, name -> Text, tag_id -> BigInt, created_at -> Timestamp,
} }
diesel::table! { taggings (customer_id, tag_id) {
    customer_id -> BigInt, tag_id -> BigInt, tagged_at -> Timestamp, actor -> Text,
    agent_id -> Nullable<BigInt>, source -> Text, source_id -> Nullable<BigInt>,
    expires_at -> Nullable<Timestamp>,
} }
diesel::table! { past_taggings (id) {
    id -> BigInt, customer_id -> BigInt, tag_id -> BigInt, tag_name -> Text, tagged_at -> Timestamp, actor -> Text,
    agent_id -> Nullable<BigInt>, source -> Text, source_id -> Nullable<BigInt>, expires_at -> Nullable<Timestamp>,
    ended_at -> Timestamp, ended_by -> Text, ended_source -> Text, ended_source_id -> Nullable<BigInt>, why -> Text,
} }
diesel::table! { segments (id) {
    id -> BigInt, name -> Text, name_key -> Text, kind -> Text, filter -> Nullable<Text>, private -> Bool,
    agent_id -> Nullable<BigInt>, actor -> Text, created_at -> Timestamp, updated_at -> Timestamp,
    archived_at -> Nullable<Timestamp>, last_used_at -> Nullable<Timestamp>, version -> BigInt, origin -> Nullable<Text>,
} }
diesel::table! { segment_versions (segment_id, version) {
    segment_id -> BigInt, version -> BigInt, name -> Text, filter -> Nullable<Text>, private -> Bool,
    agent_id -> Nullable<BigInt>, actor -> Text, saved_at -> Timestamp, size -> Nullable<BigInt>,
} }
diesel::table! { segment_pins (segment_id, customer_id) {
    segment_id -> BigInt, customer_id -> BigInt, inside -> Bool, actor -> Text, created_at -> Timestamp,
} }
diesel::table! { segment_sizes (segment_id, day) { segment_id -> BigInt, day -> Date, size -> BigInt, } }
diesel::table! { segment_members (segment_id, customer_id) {
    segment_id -> BigInt, customer_id -> BigInt, added_at -> Timestamp,
} }
diesel::table! { feed_state (id) {
    id -> BigInt, step -> BigInt, version -> Text, holder -> Text, until -> Timestamp,
    looked_at -> Timestamp,
} }
diesel::table! { feed_members (segment_id) { segment_id -> BigInt, step -> BigInt, rule -> Text, members -> Binary, } }
diesel::table! { segment_sightings (id) {
    id -> BigInt, segment_id -> BigInt, inside -> Bool, customers -> Binary, at -> Timestamp, cause -> Text, version -> Text,
} }
diesel::table! { segment_moves (segment_id, step, customer_id) {
    segment_id -> BigInt, step -> BigInt, customer_id -> BigInt, joined -> Bool, at -> Timestamp, cause -> Text,
} }
diesel::table! { purchases (id) {
    id -> BigInt, external_id -> Nullable<Text>, customer_id -> BigInt,
    product -> Nullable<Text>, product_folded -> Nullable<Text>,
    amount -> BigInt, currency -> Text, purchased_at -> Timestamp, import_id -> Nullable<BigInt>,
} }
diesel::table! { custom_fields (id) {
    id -> BigInt, key -> Text, label -> Text, kind -> Text, choices -> Text,
    created_at -> Timestamp, deleted_at -> Nullable<Timestamp>,
} }
diesel::table! { custom_values (customer_id, field_id) {
    customer_id -> BigInt, field_id -> BigInt, value -> Text, folded -> Nullable<Text>, number -> Nullable<BigInt>,
} }
diesel::table! { views (id) {
    id -> BigInt, name -> Text, name_key -> Text, filter -> Text, shown -> Text, sort -> Text, private -> Bool,
    agent_id -> Nullable<BigInt>, actor -> Text, created_at -> Timestamp, updated_at -> Timestamp,
} }
diesel::table! { imports (id) {
    id -> BigInt, kind -> Text, file_name -> Text, state -> Text, plan -> Text, actor -> Text,
    agent_id -> Nullable<BigInt>, created_at -> Timestamp, finished_at -> Nullable<Timestamp>, message -> Nullable<Text>,
    lines -> BigInt, blank -> BigInt, created -> BigInt, updated -> BigInt, unchanged -> BigInt, skipped -> BigInt,
    rejected -> BigInt, sha256 -> Text, shape -> Text, path -> Nullable<Text>, began_at -> Nullable<Timestamp>,
    last_known -> BigInt, bytes -> BigInt, reached -> BigInt, restored -> BigInt, kept -> BigInt,
    undone_at -> Nullable<Timestamp>, undone_by -> Nullable<Text>, held_by -> Nullable<Text>,
    held_until -> Nullable<Timestamp>,
} }
diesel::table! { import_changes (import_id, line) {
    import_id -> BigInt, line -> BigInt, customer_id -> BigInt, changes -> Text,
} }
diesel::table! { import_corrections (import_id, line) {
    import_id -> BigInt, line -> BigInt, record -> Text, actor -> Text, at -> Timestamp,
} }
diesel::table! { import_remarks (id) {
    id -> BigInt, import_id -> BigInt, line -> BigInt, outcome -> Text, column_name -> Text, value -> Text,
    reason -> Text, record -> Text,
} }
diesel::table! { import_lines (import_id, line) {
    import_id -> BigInt, line -> BigInt, outcome -> Text, customer_id -> Nullable<BigInt>,
} }
diesel::table! { bulk_actions (id) {
    id -> BigInt, kind -> Text, details -> Text, words -> Text, about -> Text, filter -> Nullable<Text>,
    whom -> Binary, actor -> Text, agent_id -> Nullable<BigInt>, state -> Text, shown -> Nullable<BigInt>,
    total -> BigInt, changed -> BigInt, already -> BigInt, failed -> BigInt, restored -> BigInt, kept -> BigInt,
    reached -> BigInt, created_at -> Timestamp, finished_at -> Nullable<Timestamp>, undone_at -> Nullable<Timestamp>,
    undone_by -> Nullable<Text>, held_by -> Nullable<Text>, held_until -> Nullable<Timestamp>,
} }
diesel::table! { bulk_items (action_id, customer_id) {
    action_id -> BigInt, customer_id -> BigInt, outcome -> Text, before -> Nullable<Text>, remark -> Nullable<Text>,
} }
diesel::table! { stored_filters (key) { key -> Text, text -> Text, created_at -> Timestamp, } }

diesel::joinable!(taggings -> tags (tag_id));
diesel::joinable!(taggings -> customers (customer_id));
diesel::joinable!(tag_aliases -> tags (tag_id));
diesel::joinable!(tags -> tag_families (family_id));
diesel::joinable!(segment_members -> segments (segment_id));
diesel::table! { campaigns (id) {
    id -> BigInt, name -> Text, channel -> Text, subject -> Text, body -> Text, html -> Text, audience -> Text,
    state -> Text, version -> BigInt, actor -> Text, agent_id -> Nullable<BigInt>,
    created_at -> Timestamp, updated_at -> Timestamp, approved -> Nullable<BigInt>, send_at -> Nullable<Timestamp>,
    why -> Nullable<Text>, launched_at -> Nullable<Timestamp>, launched_by -> Nullable<Text>, receipt -> Nullable<Text>,
    finished_at -> Nullable<Timestamp>,
} }
diesel::table! { campaign_recipients (campaign_id, customer_id) {
    campaign_id -> BigInt, customer_id -> BigInt, name -> Nullable<Text>, address -> Nullable<Text>, status -> Text,
    reason -> Nullable<Text>, said -> Nullable<Text>, attempts -> BigInt, due_at -> Timestamp,
    held_by -> Nullable<Text>, held_until -> Nullable<Timestamp>, settled_at -> Nullable<Timestamp>,
    unsubscribed_at -> Nullable<Timestamp>,
} }
diesel::table! { campaign_attempts (campaign_id, customer_id, attempt, at) {
    campaign_id -> BigInt, customer_id -> BigInt, attempt -> BigInt, at -> Timestamp, outcome -> Text, said -> Text,
} }
diesel::table! { suppressions (channel, address) {
    channel -> Text, address -> Text, reason -> Text, at -> Timestamp, campaign_id -> Nullable<BigInt>,
} }
diesel::table! { channel_pace (channel) { channel -> Text, next_at -> Timestamp, } }
diesel::table! { conversations (id) {
    id -> BigInt, customer_id -> BigInt, channel -> Text, state -> Text, agent_id -> Nullable<BigInt>,
    subject -> Nullable<Text>, created_at -> Timestamp, last_message_at -> Timestamp, last_in -> BigInt,
    snoozed_until -> Nullable<Timestamp>, closed_at -> Nullable<Timestamp>, preview -> Text, preview_of -> Text,
    version -> BigInt,
} }
diesel::table! { messages (id) {
    id -> BigInt, conversation_id -> BigInt, kind -> Text, channel -> Text, external_id -> Nullable<Text>, author -> Text,
    agent_id -> Nullable<BigInt>, body -> Text, folded -> Text, at -> Timestamp, status -> Text, said -> Nullable<Text>,
    address -> Nullable<Text>, attempts -> BigInt, due_at -> Nullable<Timestamp>, held_by -> Nullable<Text>,
    held_until -> Nullable<Timestamp>,
} }
diesel::table! { conversation_reads (agent_id, conversation_id) {
    agent_id -> BigInt, conversation_id -> BigInt, seen -> BigInt,
} }
diesel::table! { canned_replies (id) {
    id -> BigInt, name -> Text, name_key -> Text, body -> Text, actor -> Text, updated_at -> Timestamp,
} }
diesel::table! { chat_visitors (key_hash) {
    key_hash -> Text, customer_id -> BigInt, conversation_id -> BigInt, created_at -> Timestamp,
} }
diesel::table! { merges (id) {
    id -> BigInt, old_id -> BigInt, new_id -> BigInt, at -> Timestamp, actor -> Text, kept -> Nullable<Text>,
    undone_at -> Nullable<Timestamp>, undone_by -> Nullable<Text>,
} }
diesel::table! { not_duplicates (one_id, other_id) {
    one_id -> BigInt, other_id -> BigInt, at -> Timestamp, actor -> Text,
} }
diesel::allow_tables_to_appear_in_same_query!(
    agents,
    sessions,
    tokens,
    settings,
    customers,
    field_changes,
    consents,
    tags,
    tag_families,
    tag_aliases,
    taggings,
    past_taggings,
    segments,
    segment_members,
    segment_moves,
    segment_sightings,
    feed_members,
    segment_versions,
    segment_pins,
    segment_sizes,
    purchases,
    custom_fields,
    custom_values,
    views,
    imports,
    import_remarks,
    import_lines,
    import_changes,
    import_corrections,
    bulk_actions,
    bulk_items,
    campaigns,
    campaign_recipients,
    campaign_attempts,
    suppressions,
    channel_pace,
    conversations,
    messages,
    conversation_reads,
    canned_replies,
    chat_visitors,
    merges,
    not_duplicates,
);
