//! Cards: a share, a code that was typed, and every state of a transfer.

use egui::{Color32, Ui};
use fardrop_shared::Role;

use super::list::{failed_files_ui, left_out_there_ui, refused_ui, renamed_ui};
use super::{Scene, card_ui, row_with_end_ui};
use crate::engine::event::{RungState, TaskNumber, Who};
use crate::failure::Failure;
use crate::gui::action::{
    Action, ClipboardAction, FilesAction, SessionAction, ShareAction, TaskAction,
};
use crate::gui::model::{Direction, Phase, RATES_KEPT, Receive, Session, Share};
use crate::gui::screen::Screen;
use crate::gui::theme::{self, Palette};
use crate::gui::widgets::{
    Bar, Button, Icon, Weight, bar_ui, card_title_ui, graph_ui, sign_ui, text_ui, weak_ui,
};
use crate::text;

/// A share's card.
pub(super) fn share_ui(ui: &mut Ui, scene: &mut Scene<'_>, task: TaskNumber, share: &Share) {
    let title = share_title(share);
    card_ui(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE;
        title_row_ui(ui, scene, task, &title, share.ended);
        if let Some(found) = share.scanned {
            let total = text::offered_total(found.files, found.links, found.bytes);
            weak_ui(ui, &total);
        }
        match (&share.code, &share.failure) {
            (_, Some(failure)) => share_failure_ui(ui, scene, share, failure),
            (Some(code), None) if share.dead.is_none() => {
                text_ui(ui, &code.spoken);
            }
            (_, None) => {}
        }
        notices_ui(ui, share);
        for session in share.sessions.values() {
            ui.push_id(session.number.0, |ui| {
                ui.separator();
                session_ui(ui, scene, task, session);
            });
        }
        if share.sessions.is_empty() && !share.ended {
            let palette = Palette::of(ui);
            sign_ui(ui, Icon::Clock, palette.text_weak, text::NOBODY_YET);
        }
        ui.horizontal_wrapped(|ui| {
            if share.ended {
                next_button_ui(ui, scene, task, share, &title);
                return;
            }
            let show = Button::new(text::SHOW_CODE)
                .weight(Weight::Plain)
                .described(text::button_of(text::SHOW_CODE, &title));
            if show.show_ui(ui) {
                scene.actions.push(Action::Show(Screen::Share(task)));
            }
            let stop = Button::new(text::STOP_SHARING)
                .described(text::button_of(text::STOP_SHARING, &title));
            if stop.show_ui(ui) {
                scene.actions.push(Action::Share(task, ShareAction::Stop));
            }
        });
    });
}

/// A share that cannot go on: why, what is kept, and a button that copies what happened.
pub(super) fn share_failure_ui(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    share: &Share,
    failure: &Failure,
) {
    let palette = Palette::of(ui);
    sign_ui(ui, Icon::Cross, palette.bad, text::STATE_FAILED);
    failure_ui(ui, scene, failure, Role::Sender);
    let kept = if share.sessions.is_empty() {
        text::SHARE_KEPT
    } else {
        text::SHARE_KEPT_THERE
    };
    weak_ui(ui, kept);
}

/// What to do about a share that is over: send it again, or choose other files where that would fail again.
pub(super) fn next_button_ui(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    task: TaskNumber,
    share: &Share,
    title: &str,
) {
    let vain = share
        .failure
        .as_ref()
        .is_some_and(|failure| !failure.kind.worth_retrying());
    if vain {
        let choose = Button::new(text::CHOOSE_FILES)
            .icon(Icon::File)
            .described(text::button_of(text::CHOOSE_FILES, title));
        if choose.show_ui(ui) {
            scene.actions.push(Action::Files(FilesAction::Choose));
        }
    } else if again_button(ui, text::SEND_AGAIN, title) {
        scene.actions.push(Action::Task(task, TaskAction::Retry));
    }
}

/// The card of a code that was typed.
pub(super) fn receive_ui(ui: &mut Ui, scene: &mut Scene<'_>, task: TaskNumber, receive: &Receive) {
    card_ui(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE;
        received_ui(ui, scene, task, receive);
    });
}

fn received_ui(ui: &mut Ui, scene: &mut Scene<'_>, task: TaskNumber, receive: &Receive) {
    match (&receive.session, &receive.failure) {
        (Some(session), _) => {
            let title = title(session);
            let over = !session.phase.running() && receive.ended;
            title_row_ui(ui, scene, task, &title, over);
            course_ui(ui, scene, task, session, &title);
            if over && again_wanted(&session.phase) && again_button(ui, text::RETRY, &title) {
                scene.actions.push(Action::Task(task, TaskAction::Retry));
            }
        }
        (None, Some(failure)) => {
            title_row_ui(ui, scene, task, text::RECEIVE_TITLE, receive.ended);
            failure_ui(ui, scene, failure, Role::Receiver);
            let again = receive.ended && failure.kind.worth_retrying();
            if again && again_button(ui, text::RETRY, text::RECEIVE_TITLE) {
                scene.actions.push(Action::Task(task, TaskAction::Retry));
            }
        }
        (None, None) => {
            let palette = Palette::of(ui);
            card_title_ui(ui, text::RECEIVE_TITLE);
            sign_ui(
                ui,
                Icon::Radio,
                palette.accent_text,
                text::LOOKING_FOR_SENDER,
            );
            let cancel = Button::new(text::CANCEL)
                .described(text::button_of(text::CANCEL, text::LOOKING_FOR_SENDER));
            if cancel.show_ui(ui) {
                scene.actions.push(Action::Task(task, TaskAction::Cancel));
            }
        }
    }
}

/// One transfer: who, how far, over what, and what can be done.
pub(super) fn session_ui(ui: &mut Ui, scene: &mut Scene<'_>, task: TaskNumber, session: &Session) {
    let title = title(session);
    card_title_ui(ui, &title);
    course_ui(ui, scene, task, session, &title);
}

/// A transfer, below its title.
fn course_ui(ui: &mut Ui, scene: &mut Scene<'_>, task: TaskNumber, session: &Session, title: &str) {
    let palette = Palette::of(ui);
    let (icon, color, words) = state(palette, session);
    sign_ui(ui, icon, color, &words);
    if let Phase::Failed(failure) = &session.phase {
        failure_ui(ui, scene, failure, role(session));
    }
    if matches!(
        session.phase,
        Phase::Connecting | Phase::Reconnecting { .. }
    ) {
        ladder_ui(ui, session);
    }
    if session.phase.under_way() {
        progress_ui(ui, session, title);
    }
    if let Some(receipt) = &session.receipt {
        weak_ui(ui, &text::receipt_amount(receipt));
    } else if !session.phase.running() && session.kept() > 0 {
        weak_ui(ui, &text::kept(session.kept()));
    }
    if let Some(path) = session.path.filter(|_| session.phase.running()) {
        weak_ui(ui, &text::path_in_words(path.kind, path.link, path.rtt));
    }
    failed_files_ui(ui, session);
    refused_ui(ui, session);
    if session.phase != Phase::Deciding {
        left_out_there_ui(ui, &session.left_out);
        renamed_ui(ui, &session.renamed);
    }
    buttons_ui(ui, scene, task, session, title);
}

const fn role(session: &Session) -> Role {
    match session.direction {
        Direction::Sending => Role::Sender,
        Direction::Receiving => Role::Receiver,
    }
}

/// What a transfer is called.
pub(super) fn title(session: &Session) -> String {
    match session.direction {
        Direction::Sending => text::to_device(&session.device),
        Direction::Receiving => text::from_device(&session.device),
    }
}

/// What a share is called.
pub(super) fn share_title(share: &Share) -> String {
    let names: Vec<String> = match &share.items {
        Some(items) => items.iter().map(|item| item.name.clone()).collect(),
        None => share.first_names().collect(),
    };
    text::share_title(&names, names.len().saturating_sub(1))
}

/// What became of a code: guessed at, dead, being renewed.
pub(super) fn notices_ui(ui: &mut Ui, share: &Share) {
    if share.ended {
        return;
    }
    let palette = Palette::of(ui);
    let notice = match (share.dead, share.wrong_guess) {
        (Some(crate::failure::FailureKind::CodeDead), _) => text::CODE_DEAD.to_owned(),
        (Some(_), _) => text::CODE_TAKEN.to_owned(),
        (None, Some(left)) => format!("{} {}", text::WRONG_CODE_TRIED, text::wrong_guess(left)),
        (None, None) if share.crowded => text::CROWDED.to_owned(),
        (None, None) => return,
    };
    theme::notice(palette).show(ui, |ui| {
        sign_ui(ui, Icon::Warning, palette.warning, &notice);
    });
}

fn title_row_ui(ui: &mut Ui, scene: &mut Scene<'_>, task: TaskNumber, title: &str, over: bool) {
    row_with_end_ui(
        ui,
        |ui| {
            if over {
                let remove = Button::icon_only(Icon::Cross, text::REMOVE)
                    .described(text::button_of(text::REMOVE, title));
                if remove.show_ui(ui) {
                    scene.actions.push(Action::Task(task, TaskAction::Forget));
                }
            }
        },
        |ui| card_title_ui(ui, title),
    );
}

/// Every state has an icon and words; the colour only repeats them.
fn state(palette: &Palette, session: &Session) -> (Icon, Color32, String) {
    if session.stopping && session.phase.running() {
        let words = text::STATE_STOPPING.to_owned();
        return (Icon::Cross, palette.text_weak, words);
    }
    let (icon, color) = state_looks(palette, session);
    (icon, color, state_words(session))
}

const fn state_looks(palette: &Palette, session: &Session) -> (Icon, Color32) {
    match session.phase {
        Phase::Connecting | Phase::Preparing => (Icon::Radio, palette.accent_text),
        Phase::Asking | Phase::Verifying => (Icon::Clock, palette.accent_text),
        Phase::Deciding => (Icon::Clock, palette.warning),
        Phase::Moving => match session.direction {
            Direction::Sending => (Icon::Up, palette.accent_text),
            Direction::Receiving => (Icon::Down, palette.accent_text),
        },
        Phase::Stalled | Phase::PartlyDone => (Icon::Warning, palette.warning),
        Phase::Reconnecting { .. } => (Icon::Radio, palette.warning),
        Phase::Paused(_) => (Icon::Pause, palette.warning),
        Phase::Done => (Icon::Check, palette.good),
        Phase::Declined(Who::Here) | Phase::Cancelled(Who::Here) => {
            (Icon::Cross, palette.text_weak)
        }
        Phase::Declined(Who::Peer) | Phase::Cancelled(Who::Peer) => (Icon::Cross, palette.warning),
        Phase::Failed(_) => (Icon::Cross, palette.bad),
    }
}

fn state_words(session: &Session) -> String {
    let device = &session.device;
    match &session.phase {
        Phase::Connecting => text::STATE_CONNECTING.to_owned(),
        Phase::Preparing => text::STATE_PREPARING.to_owned(),
        Phase::Asking => text::state_asking(device),
        Phase::Deciding => text::STATE_DECIDING.to_owned(),
        Phase::Moving => text::STATE_MOVING.to_owned(),
        Phase::Stalled => text::STATE_STALLED.to_owned(),
        Phase::Reconnecting { kept } => text::state_reconnecting(*kept),
        Phase::Paused(by) => text::state_paused(*by, device),
        Phase::Verifying => text::STATE_VERIFYING.to_owned(),
        Phase::Done => match session.direction {
            Direction::Sending => text::state_sent(device),
            Direction::Receiving => text::STATE_RECEIVED.to_owned(),
        },
        Phase::PartlyDone => {
            let receipt = session.receipt.as_ref();
            receipt.map_or_else(|| text::STATE_FAILED.to_owned(), text::state_partly)
        }
        Phase::Declined(Who::Here) => text::STATE_DECLINED.to_owned(),
        Phase::Declined(Who::Peer) => text::state_declined_by(device),
        Phase::Cancelled(Who::Here) => text::STATE_CANCELLED.to_owned(),
        Phase::Cancelled(Who::Peer) => text::state_cancelled_by(device),
        Phase::Failed(_) => text::STATE_FAILED.to_owned(),
    }
}

fn ladder_ui(ui: &mut Ui, session: &Session) {
    let palette = Palette::of(ui);
    for step in &session.ladder {
        let (icon, color, words) = match step.state {
            RungState::Trying => (Icon::Radio, palette.accent_text, text::RUNG_TRYING),
            RungState::Works => (Icon::Check, palette.good, text::RUNG_WORKS),
            RungState::Failed => (Icon::Cross, palette.text_weak, text::RUNG_FAILED),
        };
        let line = text::rung_line(step.rung, words, &step.detail);
        sign_ui(ui, icon, color, &line);
    }
}

fn progress_ui(ui: &mut Ui, session: &Session, title: &str) {
    let palette = Palette::of(ui);
    let halted = matches!(
        session.phase,
        Phase::Stalled | Phase::Paused(_) | Phase::Reconnecting { .. }
    );
    let color = if halted {
        palette.warning
    } else {
        palette.accent
    };
    let bar = Bar {
        part: session.part(),
        color,
        name: &text::bar_name(title),
    };
    bar_ui(ui, &bar);
    let Some(progress) = &session.progress else {
        return;
    };
    let moving = session.phase == Phase::Moving;
    let mut parts = vec![
        text::progress_files(progress),
        text::progress_bytes(progress),
    ];
    if moving {
        parts.push(text::progress_rate(progress));
        parts.extend(session.time_left.map(text::progress_left));
    }
    weak_ui(ui, &parts.join("  ·  "));
    if let Some(proving) = progress.proving {
        weak_ui(ui, &text::progress_proving(role(session), proving));
    }
    if moving {
        let rates = session.rates.rates();
        if rates.len() > 1 {
            graph_ui(ui, &rates, RATES_KEPT, text::RATE_GRAPH);
        }
    }
}

/// A failure: what happened, what to do, and a button that copies it.
pub(super) fn failure_ui(ui: &mut Ui, scene: &mut Scene<'_>, failure: &Failure, role: Role) {
    let sentence = text::failure(failure, role);
    text_ui(ui, &sentence);
    let copy = Button::new(text::COPY_DETAILS)
        .icon(Icon::Clipboard)
        .weight(Weight::Plain);
    if copy.show_ui(ui) {
        scene.actions.push(Action::Clipboard(ClipboardAction::Copy(
            text::failure_details(failure, &sentence),
        )));
    }
}

fn buttons_ui(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    task: TaskNumber,
    session: &Session,
    title: &str,
) {
    let number = session.number;
    if !session.phase.running() && session.places.is_empty() {
        // A row without a button would be a gap.
        return;
    }
    ui.horizontal_wrapped(|ui| {
        let mut button = |ui: &mut Ui, icon: Icon, label: &str, weight: Weight, action: Action| {
            let button = Button::new(label)
                .known_by(kept_by(label))
                .icon(icon)
                .weight(weight)
                .described(text::button_of(label, title));
            if button.show_ui(ui) {
                scene.actions.push(action);
            }
        };
        match &session.phase {
            Phase::Deciding => {
                let action = Action::Show(Screen::Offer(number));
                button(ui, Icon::Down, text::LOOK_AT_OFFER, Weight::Main, action);
            }
            Phase::Paused(Who::Here) => {
                button(
                    ui,
                    Icon::Play,
                    text::RESUME,
                    Weight::Main,
                    Action::Session(number, SessionAction::Resume),
                );
            }
            Phase::Moving | Phase::Stalled | Phase::Paused(Who::Peer) => {
                button(
                    ui,
                    Icon::Pause,
                    text::PAUSE,
                    Weight::Plain,
                    Action::Session(number, SessionAction::Pause),
                );
            }
            Phase::Done | Phase::PartlyDone => {
                if let Some(place) = session.places.first() {
                    let open = Action::Files(FilesAction::Open(place.clone()));
                    button(ui, Icon::File, text::OPEN, Weight::Plain, open);
                    let show = Action::Files(FilesAction::ShowInFolder(place.clone()));
                    button(ui, Icon::Folder, text::SHOW_IN_FOLDER, Weight::Plain, show);
                }
            }
            Phase::Connecting
            | Phase::Preparing
            | Phase::Asking
            | Phase::Reconnecting { .. }
            | Phase::Verifying
            | Phase::Declined(_)
            | Phase::Cancelled(_)
            | Phase::Failed(_) => {}
        }
        if session.phase.running() && session.phase != Phase::Deciding && !session.stopping {
            let action = match session.direction {
                Direction::Sending => Action::Session(number, SessionAction::Cancel),
                // A receive has one session, and nothing is left of it without.
                Direction::Receiving => Action::Task(task, TaskAction::Cancel),
            };
            button(ui, Icon::Cross, text::CANCEL, Weight::Plain, action);
        }
    });
}

/// Going on takes the place of pausing, and the focus with it.
fn kept_by(label: &str) -> &str {
    if label == text::RESUME {
        text::PAUSE
    } else {
        label
    }
}

fn again_button(ui: &mut Ui, label: &str, title: &str) -> bool {
    Button::new(label)
        .icon(Icon::Again)
        .described(text::button_of(label, title))
        .show_ui(ui)
}

/// Whether starting a transfer once more makes sense.
const fn again_wanted(phase: &Phase) -> bool {
    match phase {
        Phase::PartlyDone | Phase::Cancelled(_) => true,
        Phase::Failed(failure) => failure.kind.worth_retrying(),
        Phase::Connecting
        | Phase::Preparing
        | Phase::Asking
        | Phase::Deciding
        | Phase::Moving
        | Phase::Stalled
        | Phase::Reconnecting { .. }
        | Phase::Paused(_)
        | Phase::Verifying
        | Phase::Done
        | Phase::Declined(_) => false,
    }
}
