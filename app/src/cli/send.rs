//! `fardrop send`.

use anyhow::{Result, bail};
use fardrop_shared::Role;

use super::{Context, Exit, Report, Style, Turn, Weight, follow, on_left_out};
use crate::args::SendArgs;
use crate::engine::command::{
    Command, NewTask, OnDeadCode, OnMissing, ShareLifetime, ShareOptions,
};
use crate::engine::event::{Event, ShareEvent, TaskEvent, TaskNumber};
use crate::text;

/// The only share of this process.
const SHARE: TaskNumber = TaskNumber(1);

/// Offers what the arguments name, and serves receivers until the share ends.
///
/// # Errors
/// When the terminal or pipe cannot be read or written, or the engine is gone.
pub fn send(arguments: &SendArgs, context: Context<'_>) -> Result<Exit> {
    let lifetime = if arguments.once || (context.settings.once && !arguments.keep) {
        ShareLifetime::Once
    } else {
        ShareLifetime::UntilStopped
    };
    let style = Style::chosen(context.output);
    let mut report = style.report(Role::Sender, context.console.streams);
    let started = context.engine.send(Command::Start(
        SHARE,
        NewTask::Share {
            paths: arguments.paths.clone(),
            options: ShareOptions {
                words: arguments.words.unwrap_or(context.settings.words),
                lifetime,
                on_dead_code: OnDeadCode::End,
                on_missing: OnMissing::Fail,
                on_left_out: on_left_out(arguments.allow_missing),
            },
        },
    ));
    if !started {
        bail!(text::ENGINE_GONE);
    }
    let waiting = match lifetime {
        ShareLifetime::Once => text::SHARE_ONCE,
        ShareLifetime::UntilStopped => text::SHARE_OPEN,
    };
    let outcome = follow(
        context.engine,
        context.stop,
        SHARE,
        report.as_mut(),
        |turn, report: &mut dyn Report| {
            if let Turn::Event(Event::Task(_, TaskEvent::Share(ShareEvent::Code(_)))) = turn {
                report.say(Weight::Note, waiting)?;
            }
            Ok(())
        },
    )?;
    Ok(outcome.into())
}
