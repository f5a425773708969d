//! Draws what the window wants drawn, triangle by triangle, without any graphics system: pictures can be
//! taken wherever the tests run, and are the same everywhere.

use std::collections::BTreeMap;

use egui::epaint::{ImageDelta, Primitive, Vertex};
use egui::{Color32, ColorImage, Context, FullOutput, ImageData, Rect, TextureId, TexturesDelta};
use egui_kittest::TestRenderer;
use image::{Rgba, RgbaImage};

/// A renderer on the processor.
#[derive(Default)]
pub(super) struct Painter {
    textures: BTreeMap<TextureId, ColorImage>,
}

impl TestRenderer for Painter {
    #[expect(
        clippy::iter_over_hash_type,
        reason = "each texture is changed by itself, in whatever order"
    )]
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        for (id, image) in std::mem::take(&mut delta.set) {
            for change in image {
                self.change(id, change);
            }
        }
        for id in std::mem::take(&mut delta.free) {
            self.textures.remove(&id);
        }
    }

    fn render(&mut self, context: &Context, output: &FullOutput) -> Result<RgbaImage, String> {
        let scale = output.pixels_per_point;
        let size = context.content_rect().size() * scale;
        let (width, height) = (size.x.round() as u32, size.y.round() as u32);
        // What the window clears itself in.
        let ground = context.global_style().visuals.panel_fill.to_array();
        let mut picture = RgbaImage::from_pixel(width, height, Rgba(ground));
        for clipped in context.tessellate(output.shapes.clone(), scale) {
            let Primitive::Mesh(mesh) = clipped.primitive else {
                return Err("a callback cannot be painted here".to_owned());
            };
            let Some(texture) = self.textures.get(&mesh.texture_id) else {
                continue;
            };
            let clip = clipped.clip_rect * scale;
            for corners in mesh.indices.chunks_exact(3) {
                let corner = |at: usize| mesh.vertices[corners[at] as usize];
                triangle(
                    &mut picture,
                    texture,
                    clip,
                    scale,
                    [corner(0), corner(1), corner(2)],
                );
            }
        }
        Ok(picture)
    }
}

impl Painter {
    fn change(&mut self, id: TextureId, change: ImageDelta) {
        let ImageData::Color(image) = change.image;
        match change.pos {
            None => {
                self.textures.insert(id, image.as_ref().clone());
            }
            Some([left, top]) => {
                let Some(texture) = self.textures.get_mut(&id) else {
                    return;
                };
                for row in 0..image.height() {
                    for column in 0..image.width() {
                        texture[(left + column, top + row)] = image[(column, row)];
                    }
                }
            }
        }
    }
}

/// Fills one triangle; each pixel is looked at in its middle.
fn triangle(
    picture: &mut RgbaImage,
    texture: &ColorImage,
    clip: Rect,
    scale: f32,
    corners: [Vertex; 3],
) {
    let at = corners.map(|corner| corner.pos * scale);
    let area = cross(at[0], at[1], at[2]);
    if area == 0.0 {
        return;
    }
    let bounds = Rect::from_points(&at).intersect(clip);
    let right = (bounds.right().ceil().max(0.0) as u32).min(picture.width());
    let bottom = (bounds.bottom().ceil().max(0.0) as u32).min(picture.height());
    for y in bounds.top().floor().max(0.0) as u32..bottom {
        for x in bounds.left().floor().max(0.0) as u32..right {
            let point = egui::pos2(x as f32 + 0.5, y as f32 + 0.5);
            if !clip.contains(point) {
                continue;
            }
            let parts = [
                cross(at[1], at[2], point) / area,
                cross(at[2], at[0], point) / area,
                cross(at[0], at[1], point) / area,
            ];
            if parts.iter().any(|part| *part < 0.0) {
                continue;
            }
            let color = mixed(texture, &corners, parts);
            blend(picture.get_pixel_mut(x, y), color);
        }
    }
}

fn cross(a: egui::Pos2, b: egui::Pos2, c: egui::Pos2) -> f32 {
    (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
}

/// The colour of a pixel: that of its corners, times that of the texture.
fn mixed(texture: &ColorImage, corners: &[Vertex; 3], parts: [f32; 3]) -> [f32; 4] {
    let mut color = [0.0; 4];
    let mut uv = egui::Vec2::ZERO;
    for (corner, part) in corners.iter().zip(parts) {
        for (channel, value) in color.iter_mut().zip(corner.color.to_array()) {
            *channel += f32::from(value) / 255.0 * part;
        }
        uv += corner.uv.to_vec2() * part;
    }
    let texel = sampled(texture, uv);
    for (channel, value) in color.iter_mut().zip(texel) {
        *channel *= value;
    }
    color
}

/// The texture at a place, between its four nearest texels.
fn sampled(texture: &ColorImage, uv: egui::Vec2) -> [f32; 4] {
    let (width, height) = (texture.width(), texture.height());
    let x = (uv.x * width as f32 - 0.5).clamp(0.0, width as f32 - 1.0);
    let y = (uv.y * height as f32 - 0.5).clamp(0.0, height as f32 - 1.0);
    let (left, top) = (x.floor() as usize, y.floor() as usize);
    let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
    let (along, down) = (x - left as f32, y - top as f32);
    let mut color = [0.0; 4];
    for (place, part) in [
        ((left, top), (1.0 - along) * (1.0 - down)),
        ((right, top), along * (1.0 - down)),
        ((left, bottom), (1.0 - along) * down),
        ((right, bottom), along * down),
    ] {
        let texel: Color32 = texture[place];
        for (channel, value) in color.iter_mut().zip(texel.to_array()) {
            *channel += f32::from(value) / 255.0 * part;
        }
    }
    color
}

/// Premultiplied alpha over an opaque ground, as the window does it.
fn blend(pixel: &mut Rgba<u8>, color: [f32; 4]) {
    for channel in 0..3 {
        let under = f32::from(pixel.0[channel]) / 255.0;
        let over = color[channel] + under * (1.0 - color[3]);
        pixel.0[channel] = (over.clamp(0.0, 1.0) * 255.0).round() as u8;
    }
}
