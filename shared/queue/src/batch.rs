//! Many steps in one write.

use redis::{Cmd, FromRedisValue, Pipeline, ServerErrorKind, ToRedisArgs, Value, aio::ConnectionLike};

use crate::{
    error::QueueError,
    script::{Call, Script},
};

/// Commands and script calls that are sent together. Each is atomic by itself and each has its own result; the batch is
/// not a transaction.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    steps: Vec<Step<'a>>,
    one_commit: bool,
}

#[derive(Debug)]
struct Step<'a> {
    name: String,
    command: Cmd,
    script: Option<&'a Script>,
}

impl<'a> Batch<'a> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a call; its result stands at the same place among the results.
    pub fn push(&mut self, call: &Call<'a>) -> &mut Self {
        self.steps.push(Step {
            name: call.script().name().to_owned(),
            command: call.command(),
            script: Some(call.script()),
        });
        self
    }

    /// Adds a plain command.
    pub fn command(&mut self, name: &str, arguments: impl ToRedisArgs) -> &mut Self {
        let mut command = redis::cmd(name);
        command.arg(arguments);
        self.steps.push(Step {
            name: name.to_owned(),
            command,
            script: None,
        });
        self
    }

    /// Has all steps executed in one go, so that the server syncs its log once for all of them. Without it a server reads
    /// a long batch in pieces of some 16 KiB and syncs behind each: worth it where the steps carry kilobytes. Nobody
    /// else is served in between, so keep such a batch to what takes a few milliseconds.
    pub fn in_one_commit(&mut self) -> &mut Self {
        self.one_commit = true;
        self
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// No step at all: running it does nothing.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Sends all and gives each step's result in order. The outer error means that nothing is known of any of them.
    /// Steps whose script the server did not know are repeated once, behind the others.
    pub async fn run(
        &self,
        connection: &mut impl ConnectionLike,
    ) -> Result<Vec<Result<Value, QueueError>>, QueueError> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let all: Vec<usize> = (0..self.steps.len()).collect();
        let mut values = self.send(&all, false, connection).await?;
        let unknown: Vec<usize> = all.into_iter().filter(|&at| is_noscript(&values[at])).collect();
        if !unknown.is_empty() {
            let again = self.send(&unknown, true, connection).await?;
            for (at, value) in unknown.into_iter().zip(again) {
                values[at] = value;
            }
        }
        Ok(values
            .into_iter()
            .zip(&self.steps)
            .map(|(value, step)| step.result(value))
            .collect())
    }

    /// As [`Batch::run`], for steps that all answer with the same type.
    pub async fn run_as<T: FromRedisValue>(
        &self,
        connection: &mut impl ConnectionLike,
    ) -> Result<Vec<Result<T, QueueError>>, QueueError> {
        let values = self.run(connection).await?;
        let typed = values.into_iter().zip(&self.steps).map(|(value, step)| {
            redis::from_redis_value(value?).map_err(|error| QueueError::answer(&step.name, error.to_string()))
        });
        Ok(typed.collect())
    }

    async fn send(
        &self,
        which: &[usize],
        load_first: bool,
        connection: &mut impl ConnectionLike,
    ) -> Result<Vec<Value>, QueueError> {
        let mut pipeline = Pipeline::with_capacity(which.len());
        let mut loaded: Vec<&str> = Vec::new();
        for &at in which {
            if let (true, Some(script)) = (load_first, self.steps[at].script)
                && !loaded.contains(&script.name())
            {
                pipeline.add_command(script.load_command());
                loaded.push(script.name());
            }
        }
        let skipped = loaded.len();
        for &at in which {
            pipeline.add_command(self.steps[at].command.clone());
        }
        let name = which.first().map_or("batch", |&at| self.steps[at].name.as_str());
        let failed = |error| QueueError::from_redis(name, &error);
        let values = if self.one_commit {
            // MULTI and the answers that each step was queued come first and are skipped; EXEC answers for all.
            let skipped = pipeline.len() + 1;
            let answers = connection
                .req_packed_commands(pipeline.atomic(), skipped, 1)
                .await
                .map_err(failed)?;
            match answers.into_iter().next() {
                Some(Value::Array(values)) => values,
                _ => return Err(QueueError::answer(name, "the batch was not executed")),
            }
        } else {
            connection
                .req_packed_commands(&pipeline, 0, pipeline.len())
                .await
                .map_err(failed)?
        };
        if values.len() != pipeline.len() {
            return Err(QueueError::answer(name, "fewer answers than steps"));
        }
        Ok(values.into_iter().skip(skipped).collect())
    }
}

impl Step<'_> {
    fn result(&self, value: Value) -> Result<Value, QueueError> {
        match value {
            Value::ServerError(error) => Err(QueueError::from_server(
                &self.name,
                error.kind(),
                error.code(),
                error.details().unwrap_or_default(),
            )),
            value => Ok(value),
        }
    }
}

fn is_noscript(value: &Value) -> bool {
    matches!(value, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript))
}
