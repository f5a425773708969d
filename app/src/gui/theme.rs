//! How the window looks: colours, sizes and type. Nothing else in the window names a colour or a size.
//!
//! Every pair of colours that meet is listed in [`Palette::text_pairs`] or [`Palette::edge_pairs`], and a
//! test holds them to WCAG 2.2: 4.5:1 for text (1.4.3), 3:1 for edges, focus and bars (1.4.11).

use std::collections::BTreeMap;

use egui::epaint::text::{FontInsert, FontPriority, InsertFontFamily};
use egui::style::{ScrollStyle, WidgetVisuals, Widgets};
use egui::{
    Color32, CornerRadius, FontData, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle,
    Theme, Visuals, vec2,
};

use crate::desktop::request::FoundFont;

/// Space between things that belong together, in points.
pub(super) const SPACE: f32 = 8.0;

/// Space between lines of one thing, in points.
pub(super) const SPACE_TIGHT: f32 = 4.0;

/// Space between groups, in points.
pub(super) const SPACE_WIDE: f32 = 16.0;

/// Space between content and the window's edge, in points.
pub(super) const EDGE: i8 = 14;

/// Height of a row of a list, in points.
pub(super) const ROW_HEIGHT: f32 = 28.0;

/// Smallest size of a code, in points, however narrow the window is.
pub(super) const CODE_MIN: f32 = 18.0;

/// Smallest side of anything that can be pressed, in points: WCAG 2.2, 2.5.8.
pub(super) const TARGET_MIN: f32 = 24.0;

/// Height of what a screen is mainly about, in points; a finger finds it.
pub(super) const TARGET_MAIN: f32 = 36.0;

/// Widest column of content, in points: longer lines are hard to read.
pub(super) const CONTENT_WIDTH: f32 = 680.0;

/// Below this width a screen stacks what it puts side by side else, in points.
pub(super) const NARROW: f32 = 560.0;

/// Height of a bar of progress, in points.
pub(super) const BAR_HEIGHT: f32 = 8.0;

/// Height of a graph of the rate, in points.
pub(super) const GRAPH_HEIGHT: f32 = 44.0;

/// Side of an icon beside text, in points.
pub(super) const ICON: f32 = 18.0;

/// Room above and below what a drop zone says while there is nothing else to be shown, in points.
pub(super) const DROP_PADDING: f32 = 40.0;

/// Side of the icon of a drop zone, in points.
pub(super) const ICON_LARGE: f32 = 36.0;

/// Width of the lines of an icon, as a part of its side.
pub(super) const ICON_LINE: f32 = 0.09;

/// Width of the line around what has the focus, in points.
pub(super) const FOCUS_LINE: f32 = 2.0;

/// Largest side of a QR code, in points; a phone reads it from an arm's length.
pub(super) const QR_SIDE: f32 = 184.0;

/// Roundness of cards, in points.
pub(super) const CARD_ROUND: u8 = 10;

/// Roundness of buttons and fields, in points.
pub(super) const ROUND: u8 = 6;

/// Width of a scroll bar, in points.
const SCROLL_BAR: f32 = 8.0;

/// How much of the text's colour a scroll bar has: 3:1 to the ground, as for edges.
const SCROLL_RESTING: f32 = 0.55;

/// Size of plain text, in points.
const BODY: f32 = 14.5;

/// Size of what is said beside, in points.
const SMALL: f32 = 12.5;

/// Size of a screen's title, in points.
const HEADING: f32 = 20.0;

/// Size of a card's title, in points.
const SUBHEADING: f32 = 17.0;

/// Size of a code, in points; it shrinks where the window is narrow.
const CODE: f32 = 34.0;

/// Padding beside the words of a tab, in points: five of them fit the narrowest window.
pub(super) const TAB_PADDING: f32 = 8.0;

/// Size of a code that is being typed, in points.
const CODE_ENTRY: f32 = 17.0;

/// Padding inside a button, in points.
const BUTTON_PADDING: egui::Vec2 = vec2(14.0, 6.0);

/// Padding inside a card, in points.
const CARD_PADDING: i8 = 16;

/// The colours of one theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Palette {
    /// Behind everything.
    pub(super) ground: Color32,
    /// A card.
    pub(super) card: Color32,
    /// A field to type in.
    pub(super) field: Color32,
    /// A button that is not the main one.
    pub(super) button: Color32,
    /// A button under the pointer that is not the main one.
    pub(super) button_hovered: Color32,
    /// A button that is being pressed and is not the main one.
    pub(super) button_pressed: Color32,
    /// Text.
    pub(super) text: Color32,
    /// Text that is said beside.
    pub(super) text_weak: Color32,
    /// Edge of what can be pressed or typed in.
    pub(super) edge: Color32,
    /// Line between things; nothing depends on seeing it.
    pub(super) line: Color32,
    /// The one accent: the main button, bars, the focus.
    pub(super) accent: Color32,
    /// The main button under the pointer.
    pub(super) accent_hovered: Color32,
    /// Text on the accent.
    pub(super) on_accent: Color32,
    /// Text in the accent's colour, and links.
    pub(super) accent_text: Color32,
    /// Behind selected text and rows.
    pub(super) selection: Color32,
    /// The empty part of a bar.
    pub(super) trough: Color32,
    /// Done.
    pub(super) good: Color32,
    /// Something to know.
    pub(super) warning: Color32,
    /// Something went wrong.
    pub(super) bad: Color32,
    /// Behind a notice.
    pub(super) notice: Color32,
}

/// By day.
pub(super) const LIGHT: Palette = Palette {
    ground: rgb(0xf4_f5_f7),
    card: rgb(0xff_ff_ff),
    field: rgb(0xff_ff_ff),
    button: rgb(0xff_ff_ff),
    button_hovered: rgb(0xec_ef_f4),
    button_pressed: rgb(0xdf_e4_ec),
    text: rgb(0x1b_20_28),
    text_weak: rgb(0x52_5b_69),
    edge: rgb(0x7f_88_96),
    line: rgb(0xdc_e0_e6),
    accent: rgb(0x1f_5f_c4),
    accent_hovered: rgb(0x18_4f_a8),
    on_accent: rgb(0xff_ff_ff),
    accent_text: rgb(0x1a_55_b3),
    selection: rgb(0xd4_e3_fa),
    trough: rgb(0xe3_e7_ed),
    good: rgb(0x1b_6e_3c),
    warning: rgb(0x8a_50_00),
    bad: rgb(0xb3_26_1e),
    notice: rgb(0xfd_f3_e1),
};

/// By night.
pub(super) const DARK: Palette = Palette {
    ground: rgb(0x17_1a_1f),
    card: rgb(0x20_24_2b),
    field: rgb(0x17_1a_1f),
    button: rgb(0x2b_30_39),
    button_hovered: rgb(0x36_3c_47),
    button_pressed: rgb(0x41_48_55),
    text: rgb(0xea_ed_f2),
    text_weak: rgb(0xb0_b8_c4),
    edge: rgb(0x80_89_98),
    line: rgb(0x36_3c_47),
    accent: rgb(0x7a_ae_ff),
    accent_hovered: rgb(0x9a_c2_ff),
    on_accent: rgb(0x0c_1a_30),
    accent_text: rgb(0x96_bf_ff),
    selection: rgb(0x2a_46_72),
    trough: rgb(0x33_39_43),
    good: rgb(0x7f_d6_9c),
    warning: rgb(0xf2_bd_6a),
    bad: rgb(0xff_9d_93),
    notice: rgb(0x3a_30_1d),
};

impl Palette {
    /// The palette of what is shown now.
    pub(super) fn of(ui: &egui::Ui) -> &'static Self {
        if ui.visuals().dark_mode {
            &DARK
        } else {
            &LIGHT
        }
    }

    /// Text and what it stands on, each pair once.
    #[cfg(test)]
    pub(super) fn text_pairs(&self) -> Vec<(&'static str, Color32, Color32)> {
        vec![
            ("text on ground", self.text, self.ground),
            ("text on card", self.text, self.card),
            ("text in field", self.text, self.field),
            ("text on button", self.text, self.button),
            ("text on hovered button", self.text, self.button_hovered),
            ("text on pressed button", self.text, self.button_pressed),
            ("text on notice", self.text, self.notice),
            ("text on selection", self.text, self.selection),
            ("weak text on ground", self.text_weak, self.ground),
            ("weak text on card", self.text_weak, self.card),
            ("weak text in field", self.text_weak, self.field),
            ("text on accent", self.on_accent, self.accent),
            (
                "text on hovered accent",
                self.on_accent,
                self.accent_hovered,
            ),
            ("accent text on ground", self.accent_text, self.ground),
            ("accent text on card", self.accent_text, self.card),
            ("accent text in field", self.accent_text, self.field),
            ("accent text on selection", self.accent_text, self.selection),
            ("bad in field", self.bad, self.field),
            ("good on card", self.good, self.card),
            ("good on ground", self.good, self.ground),
            ("warning on card", self.warning, self.card),
            ("warning on ground", self.warning, self.ground),
            ("warning on notice", self.warning, self.notice),
            ("bad on card", self.bad, self.card),
            ("bad on ground", self.bad, self.ground),
            ("bad on notice", self.bad, self.notice),
        ]
    }

    /// Edges, bars and the focus, and what they stand on.
    #[cfg(test)]
    pub(super) fn edge_pairs(&self) -> Vec<(&'static str, Color32, Color32)> {
        vec![
            ("edge on ground", self.edge, self.ground),
            ("edge on card", self.edge, self.card),
            ("edge around field", self.edge, self.field),
            ("mark in field", self.accent, self.field),
            ("mark on selection", self.accent, self.selection),
            ("empty mark on selection", self.text_weak, self.selection),
            ("focus on ground", self.accent, self.ground),
            ("focus on card", self.accent, self.card),
            ("bar in trough", self.accent, self.trough),
            ("done bar in trough", self.good, self.trough),
            ("failed bar in trough", self.bad, self.trough),
            ("paused bar in trough", self.warning, self.trough),
        ]
    }
}

/// A style of type that egui has no name for: a card's title.
pub(super) fn subheading() -> TextStyle {
    TextStyle::Name("subheading".into())
}

/// A style of type that egui has no name for: a code, large.
pub(super) fn code_style() -> TextStyle {
    TextStyle::Name("code".into())
}

/// The style of type of the code field.
pub(super) fn code_entry() -> FontId {
    FontId::new(CODE_ENTRY, FontFamily::Monospace)
}

/// Lets things move on the screen, or not.
pub(super) fn set_motion(context: &egui::Context, motion: bool) {
    context.all_styles_mut(|style| {
        style.scroll_animation = if motion {
            egui::style::ScrollAnimation::default()
        } else {
            egui::style::ScrollAnimation::none()
        };
    });
}

/// Gives both themes of a context their looks.
pub(super) fn apply(context: &egui::Context) {
    // Where the system says nothing of it: paper is white.
    context.options_mut(|options| options.fallback_theme = Theme::Light);
    context.set_style_of(Theme::Light, style(&LIGHT, Visuals::light()));
    context.set_style_of(Theme::Dark, style(&DARK, Visuals::dark()));
}

/// Draws what no font has had a glyph for with this one too, whatever the style of type.
pub(super) fn add_font(context: &egui::Context, font: FoundFont) {
    let families =
        [FontFamily::Proportional, FontFamily::Monospace].map(|family| InsertFontFamily {
            family,
            priority: FontPriority::Lowest,
        });
    context.add_font(FontInsert::new(
        &font.name,
        FontData::from_blob(font.file, font.index),
        families.into(),
    ));
}

/// A card: raised from the ground by its colour and a quiet line.
pub(super) fn card(palette: &Palette) -> egui::Frame {
    egui::Frame::new()
        .fill(palette.card)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(CornerRadius::same(CARD_ROUND))
        .inner_margin(Margin::same(CARD_PADDING))
}

/// A notice within a card or a screen.
pub(super) fn notice(palette: &Palette) -> egui::Frame {
    egui::Frame::new()
        .fill(palette.notice)
        .corner_radius(CornerRadius::same(ROUND))
        .inner_margin(Margin::symmetric(12, 8))
}

const fn rgb(value: u32) -> Color32 {
    let [_, red, green, blue] = value.to_be_bytes();
    Color32::from_rgb(red, green, blue)
}

fn style(palette: &Palette, base: Visuals) -> Style {
    let mut style = Style {
        text_styles: text_styles(),
        visuals: visuals(palette, base),
        // Nothing moves by itself: a window that stands still costs nothing.
        animation_time: 0.0,
        ..Style::default()
    };
    style.spacing.item_spacing = vec2(SPACE, SPACE);
    style.spacing.button_padding = BUTTON_PADDING;
    style.spacing.interact_size = vec2(TARGET_MIN, TARGET_MIN);
    style.spacing.icon_width = 20.0;
    style.spacing.icon_width_inner = 12.0;
    style.spacing.icon_spacing = SPACE;
    style.spacing.combo_height = 320.0;
    style.spacing.scroll = ScrollStyle {
        // Within the margin beside the content, so that it covers nothing; without a trough.
        bar_width: SCROLL_BAR,
        floating_width: SCROLL_BAR,
        floating_allocated_width: f32::from(EDGE),
        bar_outer_margin: 3.0,
        dormant_handle_opacity: SCROLL_RESTING,
        active_handle_opacity: SCROLL_RESTING,
        interact_handle_opacity: 0.8,
        active_background_opacity: 0.0,
        interact_background_opacity: 0.0,
        ..ScrollStyle::floating()
    };
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style
}

fn text_styles() -> BTreeMap<TextStyle, FontId> {
    let proportional = |size| FontId::new(size, FontFamily::Proportional);
    BTreeMap::from([
        (TextStyle::Small, proportional(SMALL)),
        (TextStyle::Body, proportional(BODY)),
        (TextStyle::Button, proportional(BODY)),
        (TextStyle::Heading, proportional(HEADING)),
        (subheading(), proportional(SUBHEADING)),
        (
            TextStyle::Monospace,
            FontId::new(BODY, FontFamily::Monospace),
        ),
        (code_style(), FontId::new(CODE, FontFamily::Monospace)),
    ])
}

fn visuals(palette: &Palette, base: Visuals) -> Visuals {
    let round = CornerRadius::same(ROUND);
    let widget = |fill: Color32, edge: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, edge),
        corner_radius: round,
        fg_stroke: Stroke::new(1.0, palette.text),
        expansion: 0.0,
    };
    let mut visuals = Visuals {
        override_text_color: None,
        weak_text_color: Some(palette.text_weak),
        widgets: Widgets {
            noninteractive: widget(palette.card, palette.line),
            inactive: widget(palette.button, palette.edge),
            hovered: widget(palette.button_hovered, palette.text_weak),
            active: widget(palette.button_pressed, palette.text),
            open: widget(palette.button_pressed, palette.text_weak),
        },
        hyperlink_color: palette.accent_text,
        faint_bg_color: palette.button_hovered,
        extreme_bg_color: palette.field,
        text_edit_bg_color: Some(palette.field),
        code_bg_color: palette.field,
        warn_fg_color: palette.warning,
        error_fg_color: palette.bad,
        window_corner_radius: CornerRadius::same(CARD_ROUND),
        window_fill: palette.card,
        window_stroke: Stroke::new(1.0, palette.edge),
        window_shadow: Shadow {
            offset: [0, 6],
            blur: 24,
            spread: 0,
            color: Color32::from_black_alpha(70),
        },
        menu_corner_radius: round,
        panel_fill: palette.ground,
        ..base
    };
    visuals.selection.bg_fill = palette.selection;
    visuals.selection.stroke = Stroke::new(1.0, palette.accent);
    visuals.text_cursor.blink = false;
    visuals.text_cursor.stroke = Stroke::new(2.0, palette.accent);
    visuals
}
