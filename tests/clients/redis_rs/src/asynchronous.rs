//! Many tasks on one connection, which comes back after it was killed.

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Client, RedisResult};

const TASKS: usize = 200;

pub fn check(client: &Client) -> RedisResult<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let settings = ConnectionManagerConfig::new().set_min_delay(std::time::Duration::from_millis(1));
        let connection = client.get_connection_manager_with_config(settings).await?;
        together(&connection).await?;
        comes_back(client, connection).await
    })
}

/// Requests of all tasks are pipelined.
async fn together(connection: &ConnectionManager) -> RedisResult<()> {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let mut connection = connection.clone();
            tokio::spawn(async move {
                let key = format!("task:{task}");
                connection.set::<_, _, ()>(&key, task).await?;
                let (incremented, all): (usize, usize) =
                    redis::pipe().atomic().incr(&key, 1).incr("all", 1).query_async(&mut connection).await?;
                assert_eq!(incremented, task + 1);
                assert!((1..=TASKS).contains(&all));
                connection.get::<_, usize>(&key).await
            })
        })
        .collect();
    for (task, running) in tasks.into_iter().enumerate() {
        assert_eq!(running.await.expect("no task panics")?, task + 1);
    }
    Ok(())
}

async fn comes_back(client: &Client, mut connection: ConnectionManager) -> RedisResult<()> {
    let mut killer = client.get_multiplexed_async_connection().await?;
    connection.set::<_, _, ()>("kept", 1).await?;
    for _ in 0..5 {
        let id: i64 = redis::cmd("CLIENT").arg("ID").query_async(&mut connection).await?;
        let killed: i64 = redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).query_async(&mut killer).await?;
        assert_eq!(killed, 1);
        // The first request may be the one that notices.
        let mut value: RedisResult<i64> = connection.get("kept").await;
        while value.is_err() {
            value = connection.get("kept").await;
        }
        assert_eq!(value, Ok(1));
        assert_ne!(redis::cmd("CLIENT").arg("ID").query_async::<i64>(&mut connection).await?, id);
    }
    redis::cmd("FLUSHALL").exec_async(&mut killer).await
}
