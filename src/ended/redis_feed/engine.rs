//! The commands that a feed gives to Redis or Valkey, and nothing about why.

use super::history::{StreamId, StreamInfo};
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamRangeReply, StreamReadReply};
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult, Value};
use std::collections::HashMap;
use std::time::Duration;

/// The field of a stream's entry that holds ours.
const FIELD: &str = "e";

/// How long one command may take. The client's own 500 ms would break the one that waits.
const RESPONSE: Duration = Duration::from_secs(5);

/// How long reading waits for the next entry.
const BLOCK_MILLIS: u64 = 1000;

/// So many entries are read in one step.
pub(super) const READ_BATCH: usize = 5000;

/// If the stored time is still what it was (or none), stores the new one and appends the entry that
/// covers what may have been forgotten: one step.
const RAISE_KEEP: &str = r"
local stored = redis.call('GET', KEYS[2])
if (stored or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('XADD', KEYS[1], '*', ARGV[3], ARGV[4])
return 1";

/// What of a stream's entry matters: its id, and our bytes if it has them.
pub(super) struct Read {
    pub(super) id: StreamId,
    pub(super) entry: Vec<u8>,
}

/// Two connections: one waits for entries, and would make whatever shares it wait as well.
pub(super) struct Engine {
    pub(super) waiting: MultiplexedConnection,
    pub(super) plain: MultiplexedConnection,
}

/// The names under which a namespace is kept. The braces keep both in one slot of a cluster.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) stream: String,
    pub(super) keep: String,
}

impl Keys {
    pub(super) fn of(namespace: &str) -> Keys {
        Keys {
            stream: format!("sealed-session:{{{namespace}}}:ended"),
            keep: format!("sealed-session:{{{namespace}}}:keep"),
        }
    }
}

pub(super) async fn connect(client: &Client) -> RedisResult<Engine> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(RESPONSE))
        .set_response_timeout(Some(RESPONSE));
    let connect = || client.get_multiplexed_async_connection_with_config(&config);
    Ok(Engine { waiting: connect().await?, plain: connect().await? })
}

/// Returns the entries after `id`; if there is none, waits for the next, for a second.
pub(super) async fn read(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    after: StreamId,
    wait: bool,
) -> RedisResult<Vec<Read>> {
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(READ_BATCH);
    if wait {
        command.arg("BLOCK").arg(BLOCK_MILLIS);
    }
    command.arg("STREAMS").arg(&keys.stream).arg(after.to_string());
    let reply: Option<StreamReadReply> = command.query_async(connection).await?;
    Ok(reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| entries(key.ids)).collect())
}

/// Returns the first entries of the stream from `from` on.
pub(super) async fn range(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    from: StreamId,
    count: usize,
) -> RedisResult<Vec<Read>> {
    let mut command = redis::cmd("XRANGE");
    command.arg(&keys.stream).arg(from.to_string()).arg("+").arg("COUNT").arg(count);
    let reply: StreamRangeReply = command.query_async(connection).await?;
    Ok(entries(reply.ids).collect())
}

fn entries(ids: Vec<redis::streams::StreamId>) -> impl Iterator<Item = Read> {
    ids.into_iter().filter_map(|mut entry| {
        let bytes = match entry.map.remove(FIELD) {
            Some(Value::BulkString(bytes)) => bytes,
            _ => Vec::new(), // No entry of ours; it counts as read.
        };
        Some(Read { id: entry.id.parse().ok()?, entry: bytes })
    })
}

/// Appends entries, in one round trip.
pub(super) async fn append<B: AsRef<[u8]>>(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    entries: impl Iterator<Item = B>,
) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    for entry in entries {
        pipe.cmd("XADD").arg(&keys.stream).arg("*").arg(FIELD).arg(entry.as_ref()).ignore();
    }
    pipe.query_async(connection).await
}

/// Removes the entries before `id`.
pub(super) async fn trim(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    before: StreamId,
) -> RedisResult<u64> {
    let mut command = redis::cmd("XTRIM");
    command.arg(&keys.stream).arg("MINID").arg("=").arg(before.to_string());
    command.query_async(connection).await
}

/// Returns what the engine says of the stream, `None` if there is none.
pub(super) async fn info(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
) -> RedisResult<Option<StreamInfo>> {
    let mut command = redis::cmd("XINFO");
    command.arg("STREAM").arg(&keys.stream);
    let reply: RedisResult<HashMap<String, Value>> = command.query_async(connection).await;
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) if is_no_such_key(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(stream_info(&reply)))
}

fn stream_info(reply: &HashMap<String, Value>) -> StreamInfo {
    let number = |name: &str| reply.get(name).and_then(int);
    let last_id = reply.get("last-generated-id").and_then(id);
    let first_id = match reply.get("first-entry") {
        Some(Value::Array(entry)) => entry.first().and_then(id),
        _ => None,
    };
    StreamInfo {
        len: number("length").unwrap_or_default(),
        last_id: last_id.unwrap_or_default(),
        first_id,
        added: number("entries-added"),
    }
}

fn is_no_such_key(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.contains("no such key"))
}

fn int(value: &Value) -> Option<u64> {
    if let Value::Int(number) = value { u64::try_from(*number).ok() } else { None }
}

fn id(value: &Value) -> Option<StreamId> {
    match value {
        Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        Value::SimpleString(text) => text.parse().ok(),
        _ => None,
    }
}

/// Returns the engine's clock in milliseconds.
pub(super) async fn time(connection: &mut MultiplexedConnection) -> RedisResult<u64> {
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(connection).await?;
    Ok(millis(seconds, micros))
}

fn millis(seconds: u64, micros: u64) -> u64 {
    seconds.saturating_mul(1000).saturating_add(micros / 1000)
}

/// Returns for how many seconds ends are kept, as stored.
pub(super) async fn stored_keep(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
) -> RedisResult<Option<u32>> {
    redis::cmd("GET").arg(&keys.keep).query_async(connection).await
}

/// Replaces the stored time and appends the entry, if nobody else did meanwhile.
pub(super) async fn raise_keep(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    old: Option<u32>,
    new: u32,
    entry: &[u8],
) -> RedisResult<bool> {
    let mut command = redis::cmd("EVAL");
    command.arg(RAISE_KEEP).arg(2).arg(&keys.stream).arg(&keys.keep);
    command.arg(old.map_or(String::new(), |old| old.to_string())).arg(new).arg(FIELD).arg(entry);
    command.query_async(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::ErrorKind;

    #[test]
    fn the_engines_clock_is_read_in_milliseconds() {
        assert_eq!(millis(1_795_262_400, 12_999), 1_795_262_400_012);
        assert_eq!(millis(u64::MAX, 0), u64::MAX);
    }

    /// RESP3 allows either.
    #[test]
    fn an_id_is_read_from_a_bulk_and_from_a_simple_string() {
        let expected = Some(StreamId { millis: 17, counter: 4 });
        assert_eq!(id(&Value::BulkString(b"17-4".to_vec())), expected);
        assert_eq!(id(&Value::SimpleString("17-4".to_owned())), expected);
        for other in [Value::Int(17), Value::BulkString(b"\xff-1".to_vec()), Value::Nil] {
            assert_eq!(id(&other), None, "{other:?}");
        }
    }

    #[test]
    fn a_stream_is_read_from_what_is_said_of_it() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let mut reply = HashMap::from([
            ("length".to_owned(), Value::Int(2)),
            ("last-generated-id".to_owned(), text("18-0")),
            ("first-entry".to_owned(), Value::Array(vec![text("17-4"), Value::Array(vec![])])),
            ("entries-added".to_owned(), Value::Int(9)),
        ]);
        let [first, last] =
            [(17, 4), (18, 0)].map(|(millis, counter)| StreamId { millis, counter });
        let info = StreamInfo { len: 2, last_id: last, first_id: Some(first), added: Some(9) };
        assert_eq!(stream_info(&reply), info);
        // An empty stream, and an engine older than Redis 7.
        reply.insert("first-entry".to_owned(), Value::Nil);
        reply.remove("entries-added");
        assert_eq!(stream_info(&reply), StreamInfo { first_id: None, added: None, ..info });
    }

    #[test]
    fn a_number_is_none_below_zero() {
        assert_eq!(int(&Value::Int(17)), Some(17));
        assert_eq!(int(&Value::Int(-1)), None);
        assert_eq!(int(&Value::Nil), None);
    }

    #[test]
    fn a_missing_stream_is_told_from_other_errors() {
        let response = |detail: &str| {
            let kind = ErrorKind::Server(redis::ServerErrorKind::ResponseError);
            RedisError::from((kind, "An error was signalled by the server", detail.to_owned()))
        };
        assert!(is_no_such_key(&response("no such key")));
        assert!(!is_no_such_key(&response("unknown command 'XINFO'")));
    }

    #[test]
    fn an_entry_of_somebody_else_counts_as_read() {
        let mine = redis::streams::StreamId {
            id: "17-4".to_owned(),
            map: HashMap::from([(FIELD.to_owned(), Value::BulkString(b"x".to_vec()))]),
            ..Default::default()
        };
        let theirs = redis::streams::StreamId { id: "17-5".to_owned(), ..Default::default() };
        let read: Vec<(u64, Vec<u8>)> =
            entries(vec![mine, theirs]).map(|read| (read.id.counter, read.entry)).collect();
        assert_eq!(read, [(4, b"x".to_vec()), (5, Vec::new())]);
    }
}
