//! The conversation about one offer: what it brings is said, and a person says yes or no to it.
//!
//! What is hidden at the top of an offer, or would start by itself, and programs need a yes of their own.

use anyhow::{Result, bail};

use super::prompt::{Prompt, Typed};
use super::{Report, Weight};
use crate::engine::EngineHandle;
use crate::engine::command::{
    Command, ConflictPolicy, Consent, Decision, OFFER_ROWS_LIMIT, PageRequest, Room, Selection,
    SessionCommand,
};
use crate::engine::event::{Event, OfferRow, OfferSummary, SessionEvent, SessionNumber, TaskEvent};
use crate::failure::FailureKind;
use crate::leftovers::Unfinished;
use crate::signals::Stop;
use crate::text;

/// Whether this system has a bit that says what may be run.
const HAS_EXECUTABLE_BIT: bool = cfg!(unix);

/// What is settled about an offer before it is seen, and how the rest is asked.
pub(super) struct Terms<'a> {
    pub(super) engine: &'a EngineHandle,
    pub(super) stop: &'a Stop,
    pub(super) prompt: Prompt,
    pub(super) can_ask: bool,
    /// What was cut off and is gone on with.
    pub(super) resumes: Option<&'a Unfinished>,
    /// `--yes`.
    pub(super) accept_all: bool,
    pub(super) on_conflict: Option<ConflictPolicy>,
    /// `--allow-hidden` and `--allow-programs`.
    pub(super) consent: Consent,
    pub(super) room: Room,
}

/// The conversation about one offer.
pub(super) struct Conversation<'a> {
    terms: &'a Terms<'a>,
    device: String,
    failure: Option<FailureKind>,
    /// The offer, and what was said to it so far.
    asked: Option<Asked>,
    question: Question,
    usage: bool,
}

/// An offer that a person is being asked about.
struct Asked {
    session: SessionNumber,
    offer: OfferSummary,
    /// How many rows of it were listed.
    listed: u64,
    hidden: Option<bool>,
    programs: Option<bool>,
}

/// What the person is being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    None,
    Accept,
    Hidden,
    Programs,
    Conflict,
}

impl<'a> Conversation<'a> {
    /// Before there is an offer.
    pub(super) const fn new(terms: &'a Terms<'a>) -> Self {
        Self {
            terms,
            device: String::new(),
            failure: None,
            asked: None,
            question: Question::None,
            usage: false,
        }
    }

    /// Whether nobody could be asked, and should have been.
    pub(super) const fn usage(&self) -> bool {
        self.usage
    }

    /// Why it failed, if it did.
    pub(super) const fn failure(&self) -> Option<FailureKind> {
        self.failure
    }

    /// Takes in what happened.
    pub(super) fn handle_event(&mut self, event: &Event, report: &mut dyn Report) -> Result<()> {
        match event {
            Event::Task(_, event) => self.handle_task_event(event),
            Event::Session(session, SessionEvent::Offer(offer)) => {
                self.handle_offer(*session, offer, report)?;
            }
            Event::Session(_, SessionEvent::OfferPage { matching, rows, .. }) => {
                self.list(*matching, rows, report)?;
            }
            // All else is only reported.
            Event::Session(..) => {}
        }
        Ok(())
    }

    fn handle_task_event(&mut self, event: &TaskEvent) {
        match event {
            TaskEvent::Paired { device, .. } => self.device.clone_from(device),
            TaskEvent::Failed { failure, .. } => self.failure = Some(failure.kind),
            TaskEvent::Ended(_) => self.question = Question::None,
            TaskEvent::Share(_)
            | TaskEvent::NamesServer { .. }
            | TaskEvent::Refused(_)
            | TaskEvent::Diagnosed(_)
            | TaskEvent::DiagnosedFar(_)
            | TaskEvent::RendezvousTested(_) => {}
        }
    }

    fn handle_offer(
        &mut self,
        session: SessionNumber,
        offer: &OfferSummary,
        report: &mut dyn Report,
    ) -> Result<()> {
        let terms = self.terms;
        let weight = if terms.accept_all {
            Weight::Note
        } else {
            Weight::Needed
        };
        for line in text::offer(&self.device, offer) {
            report.say(weight, &line)?;
        }
        let another = terms
            .resumes
            .filter(|unfinished| !unfinished.has_one_of(&offer.top_names));
        if let Some(unfinished) = another {
            report.say(Weight::Needed, &text::leftover_is_another(unfinished))?;
            if terms.accept_all {
                self.usage = true;
                return self.decide(session, Decision::Decline);
            }
        }
        if terms.accept_all {
            tell_what_is_missing(offer, terms.consent, report)?;
            let on_conflict = terms.on_conflict.unwrap_or(ConflictPolicy::Skip);
            return self.decide(session, self.accept(on_conflict, terms.consent));
        }
        if !terms.can_ask {
            report.say(Weight::Needed, text::CONSENT_MISSING)?;
            self.usage = true;
            return self.decide(session, Decision::Decline);
        }
        self.asked = Some(Asked {
            session,
            offer: offer.clone(),
            listed: 0,
            hidden: answered(terms.consent.hidden, offer.survey.needs_yes),
            programs: answered(
                terms.consent.programs || !HAS_EXECUTABLE_BIT,
                offer.survey.executable,
            ),
        });
        self.ask(Question::Accept, report)
    }

    /// Looks whether the person has typed an answer.
    pub(super) fn handle_tick(&mut self, report: &mut dyn Report) -> Result<()> {
        if self.question == Question::None || self.terms.stop.requested() {
            return Ok(());
        }
        let answer = match self.terms.prompt.wait(std::time::Duration::ZERO)? {
            Typed::Line(line) => {
                report.answered();
                line.to_lowercase()
            }
            // Whoever closes the terminal does not consent.
            Typed::End => "n".to_owned(),
            Typed::Nothing => return Ok(()),
        };
        let yes = matches!(answer.as_str(), "y" | "yes");
        let Some(asked) = &mut self.asked else {
            return Ok(());
        };
        match self.question {
            Question::None => return Ok(()),
            Question::Accept if matches!(answer.as_str(), "l" | "list") => {
                return self.ask_for_list();
            }
            Question::Accept if !yes => {
                let session = asked.session;
                return self.decide(session, Decision::Decline);
            }
            Question::Accept => {}
            Question::Hidden => asked.hidden = Some(yes),
            Question::Programs => asked.programs = Some(yes),
            Question::Conflict => return self.handle_policy(&answer, report),
        }
        self.go_on(report)
    }

    /// Asks what is still to be asked, or accepts.
    fn go_on(&mut self, report: &mut dyn Report) -> Result<()> {
        let Some(asked) = &self.asked else {
            return Ok(());
        };
        let survey = &asked.offer.survey;
        if asked.hidden.is_none() {
            report.say(Weight::Needed, &text::hidden_question(survey))?;
            return self.ask(Question::Hidden, report);
        }
        if asked.programs.is_none() {
            report.say(Weight::Needed, &text::programs_question(survey))?;
            return self.ask(Question::Programs, report);
        }
        match self.terms.on_conflict {
            None if asked.offer.conflicts > 0 => self.ask(Question::Conflict, report),
            // With nothing in the way now, a file that comes there in the meantime is kept.
            policy => self.accept_with(policy.unwrap_or(ConflictPolicy::Skip)),
        }
    }

    fn handle_policy(&mut self, answer: &str, report: &mut dyn Report) -> Result<()> {
        let on_conflict = match answer {
            "" | "s" | "skip" => ConflictPolicy::Skip,
            "r" | "rename" => ConflictPolicy::Rename,
            "p" | "replace" => ConflictPolicy::Replace,
            "n" | "no" => {
                return match &self.asked {
                    Some(asked) => self.decide(asked.session, Decision::Decline),
                    None => Ok(()),
                };
            }
            _ => {
                report.say(Weight::Needed, text::CONFLICT_AGAIN)?;
                return self.ask(Question::Conflict, report);
            }
        };
        self.accept_with(on_conflict)
    }

    fn ask(&mut self, question: Question, report: &mut dyn Report) -> Result<()> {
        self.question = question;
        report.ask(match question {
            Question::None => return Ok(()),
            Question::Accept => text::ACCEPT_PROMPT,
            Question::Hidden => text::HIDDEN_PROMPT,
            Question::Programs => text::PROGRAMS_PROMPT,
            Question::Conflict => text::CONFLICT_PROMPT,
        })?;
        self.terms.prompt.request();
        Ok(())
    }

    /// Has the next part of the list brought; the question is put again with it.
    fn ask_for_list(&mut self) -> Result<()> {
        self.question = Question::None;
        let Some(asked) = &self.asked else {
            return Ok(());
        };
        let page = PageRequest {
            search: String::new(),
            first: asked.listed,
            count: OFFER_ROWS_LIMIT,
        };
        self.tell(asked.session, SessionCommand::ShowOffer(page))
    }

    /// Shows a part of the list of all that is offered.
    fn list(&mut self, all: u64, rows: &[OfferRow], report: &mut dyn Report) -> Result<()> {
        let Some(asked) = &mut self.asked else {
            return Ok(());
        };
        for row in rows {
            report.say(Weight::Needed, &text::offer_row(row))?;
        }
        asked.listed += rows.len() as u64;
        match text::offer_goes_on(asked.listed, all) {
            Some(line) => report.say(Weight::Needed, &line)?,
            None => asked.listed = 0,
        }
        self.ask(Question::Accept, report)
    }

    /// Takes all of the offer that the person said yes to.
    fn accept_with(&mut self, on_conflict: ConflictPolicy) -> Result<()> {
        let Some(asked) = &self.asked else {
            return Ok(());
        };
        let consent = Consent {
            hidden: asked.hidden == Some(true),
            programs: asked.programs == Some(true),
        };
        self.decide(asked.session, self.accept(on_conflict, consent))
    }

    const fn accept(&self, on_conflict: ConflictPolicy, consent: Consent) -> Decision {
        Decision::Accept {
            on_conflict,
            selection: Selection::All,
            consent,
            destination: None,
            room: self.terms.room,
        }
    }

    fn decide(&mut self, session: SessionNumber, decision: Decision) -> Result<()> {
        self.question = Question::None;
        self.asked = None;
        self.tell(session, SessionCommand::Decide(decision))
    }

    fn tell(&self, session: SessionNumber, command: SessionCommand) -> Result<()> {
        if !self.terms.engine.send(Command::Session(session, command)) {
            bail!(text::ENGINE_GONE);
        }
        Ok(())
    }
}

/// The answer to whether something may be, where it was given before or there is nothing to ask about.
const fn answered(allowed: bool, number: u32) -> Option<bool> {
    if allowed {
        Some(true)
    } else if number == 0 {
        Some(false)
    } else {
        None
    }
}

/// Says what of an offer that nobody is asked about is not taken as it is.
fn tell_what_is_missing(
    offer: &OfferSummary,
    consent: Consent,
    report: &mut dyn Report,
) -> Result<()> {
    let survey = &offer.survey;
    if survey.needs_yes > 0 && !consent.hidden {
        report.say(Weight::Needed, &text::hidden_left_out(survey))?;
    }
    if HAS_EXECUTABLE_BIT && survey.executable > 0 && !consent.programs {
        report.say(Weight::Note, &text::programs_disarmed(survey))?;
    }
    Ok(())
}
