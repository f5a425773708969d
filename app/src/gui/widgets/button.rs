//! A button: an icon, words, or both.

use egui::{
    Align2, AsIdSalt, Color32, CornerRadius, CursorIcon, IdSalt, Rect, Response, Role, Sense,
    Stroke, StrokeKind, TextStyle, Ui, Vec2, WidgetInfo, vec2,
};

use super::icon::{Icon, paint_icon};
use super::letters::safe;
use crate::gui::theme::{self, Palette};

/// How much a button matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// What the screen is about; at most one of a group.
    Main,
    /// One of several.
    Plain,
    /// Beside the point: no frame until the pointer is over it.
    Quiet,
    /// A tab; `true` is the one that is shown.
    Tab(bool),
}

/// A button. It is the same one wherever it stands, whatever comes and goes above it: a press that is on its
/// way reaches it, and the focus stays. It is known by its words, of which a part of a screen has each once.
#[derive(Debug)]
pub(crate) struct Button<'a> {
    label: &'a str,
    known_by: Option<IdSalt>,
    described: Option<String>,
    icon: Option<Icon>,
    icon_only: bool,
    weight: Weight,
    enabled: bool,
    wide: bool,
}

impl<'a> Button<'a> {
    /// A plain button with words on it.
    pub(crate) const fn new(label: &'a str) -> Self {
        Self {
            label,
            known_by: None,
            described: None,
            icon: None,
            icon_only: false,
            weight: Weight::Plain,
            enabled: true,
            wide: false,
        }
    }

    /// A quiet button that shows an icon; its words are for the pointer and for screen readers.
    pub(crate) const fn icon_only(icon: Icon, label: &'a str) -> Self {
        Self {
            label,
            known_by: None,
            described: None,
            icon: Some(icon),
            icon_only: true,
            weight: Weight::Quiet,
            enabled: true,
            wide: false,
        }
    }

    /// With an icon before its words.
    pub(crate) const fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// How much it matters.
    pub(crate) const fn weight(mut self, weight: Weight) -> Self {
        self.weight = weight;
        self
    }

    /// The button, which can be pressed only if `enabled`.
    pub(crate) const fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// The button, as wide as there is room.
    pub(crate) const fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// The button, known by `salt` where its words change or others have the same.
    pub(crate) fn known_by(mut self, salt: impl AsIdSalt) -> Self {
        self.known_by = Some(IdSalt::new(salt));
        self
    }

    /// What a screen reader says instead of the words, where they do not say of what.
    pub(crate) fn described(mut self, described: String) -> Self {
        self.described = Some(described);
        self
    }

    /// Draws it; whether it was pressed.
    pub(crate) fn show_ui(self, ui: &mut Ui) -> bool {
        self.response_ui(ui).clicked()
    }

    /// Draws the button.
    pub(crate) fn response_ui(self, ui: &mut Ui) -> Response {
        let palette = Palette::of(ui);
        let label = safe(ui, self.label);
        let padding = ui.spacing().button_padding;
        let height = match self.weight {
            Weight::Main | Weight::Plain | Weight::Tab(_) => theme::TARGET_MAIN,
            Weight::Quiet => theme::TARGET_MIN.max(theme::ICON + padding.y * 2.0),
        };
        let icon_room = match (self.icon, self.icon_only) {
            (None, _) => 0.0,
            (Some(_), true) => theme::ICON,
            (Some(_), false) => theme::ICON + theme::SPACE,
        };
        // What does not fit beside the others goes to the next line, and breaks only if that is too short.
        let line = if ui.layout().main_wrap() {
            ui.max_rect().width()
        } else {
            ui.available_width()
        };
        let room = (line - padding.x * 2.0 - icon_room).max(theme::TARGET_MIN);
        let galley = (!self.icon_only).then(|| {
            let text = egui::WidgetText::from(label.as_str());
            text.into_galley(ui, Some(egui::TextWrapMode::Wrap), room, TextStyle::Button)
        });
        let text_size = galley.as_ref().map_or(Vec2::ZERO, |galley| galley.size());
        let side = if self.icon_only { padding.y } else { padding.x };
        let mut size = vec2(
            text_size.x + icon_room + side * 2.0,
            text_size.y + padding.y * 2.0,
        );
        size = size.max(vec2(height, height));
        if self.wide {
            size.x = size.x.max(ui.available_width());
        }
        let (rect, response) = self.allocate(ui, size);
        let described = self.described.as_deref().unwrap_or(&label);
        response.widget_info(|| match self.weight {
            Weight::Tab(chosen) => WidgetInfo::selected(Role::Tab, self.enabled, chosen, described),
            Weight::Main | Weight::Plain | Weight::Quiet => {
                WidgetInfo::labeled(Role::Button, self.enabled, described)
            }
        });
        if ui.is_rect_visible(rect) {
            let ink = self.frame(ui, palette, rect, &response);
            let mut left = rect.center().x - (text_size.x + icon_room) / 2.0;
            if let Some(icon) = self.icon {
                let center = egui::pos2(left + theme::ICON / 2.0, rect.center().y);
                let place = Rect::from_center_size(center, Vec2::splat(theme::ICON));
                paint_icon(ui.painter(), icon, place, ink);
                left += icon_room;
            }
            if let Some(galley) = galley {
                let place = Align2::LEFT_CENTER
                    .anchor_size(egui::pos2(left, rect.center().y), galley.size());
                ui.painter().galley(place.min, galley, ink);
            }
        }
        let response = response.on_hover_cursor(CursorIcon::PointingHand);
        if self.icon_only {
            response.on_hover_text(label)
        } else {
            response
        }
    }

    /// Takes its place, as the button that it is known as.
    fn allocate(&self, ui: &mut Ui, size: Vec2) -> (Rect, Response) {
        let sense = if self.enabled {
            Sense::click()
        } else {
            Sense::hover()
        };
        let known_by = self.known_by.unwrap_or_else(|| IdSalt::new(self.label));
        let (_, place) = ui.allocate_space(size);
        let rect = ui.layout().align_size_within_rect(size, place);
        let id = ui.scope_id().with(known_by);
        (rect, ui.interact(place, id, sense))
    }

    /// Paints what is behind the words, and says in which colour they are.
    fn frame(&self, ui: &Ui, palette: &Palette, rect: Rect, response: &Response) -> Color32 {
        let round = CornerRadius::same(theme::ROUND);
        let pressed = response.is_pointer_button_down_on();
        let hovered = response.hovered();
        if !self.enabled {
            let stroke = match self.weight {
                Weight::Main | Weight::Plain => Stroke::new(1.0, palette.line),
                Weight::Quiet | Weight::Tab(_) => Stroke::NONE,
            };
            ui.painter()
                .rect_stroke(rect, round, stroke, StrokeKind::Inside);
            return palette.text_weak;
        }
        let (fill, edge, ink) = match self.weight {
            Weight::Main if hovered || pressed => (
                palette.accent_hovered,
                Color32::TRANSPARENT,
                palette.on_accent,
            ),
            Weight::Main => (palette.accent, Color32::TRANSPARENT, palette.on_accent),
            Weight::Plain if pressed => (palette.button_pressed, palette.edge, palette.text),
            Weight::Plain if hovered => (palette.button_hovered, palette.edge, palette.text),
            Weight::Plain => (palette.button, palette.edge, palette.text),
            Weight::Tab(true) => (palette.selection, Color32::TRANSPARENT, palette.text),
            Weight::Quiet | Weight::Tab(false) if hovered || pressed => {
                (palette.button_hovered, Color32::TRANSPARENT, palette.text)
            }
            Weight::Quiet | Weight::Tab(false) => {
                (Color32::TRANSPARENT, Color32::TRANSPARENT, palette.text)
            }
        };
        ui.painter().rect(
            rect,
            round,
            fill,
            Stroke::new(1.0, edge),
            StrokeKind::Inside,
        );
        ink
    }
}
