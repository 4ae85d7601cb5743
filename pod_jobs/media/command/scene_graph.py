"""The filters that put a scene together: inputs in, one picture [jv] and the sounds [j0] [j1] … out. Pure."""

from collections.abc import Sequence
from fractions import Fraction

from pod_jobs.media.command.colours import STAMPED, converted
from pod_jobs.media.command.graph import deinterlaced, heard, level, thinned
from pod_jobs.media.planning.scene import Box, Layer, Scene, Segment, Stamp
from pod_jobs.media.planning.streams import Sound


def scene_graph(scene: Scene, sounds: Sequence[Sound]) -> str:
    """Each segment on a canvas of its own, then one after the other, sound and picture changing at the same places."""
    chains, labels = _stamps(scene), ""
    for n, segment in enumerate(scene.segments):
        chains += _picture(scene, segment, n) + _voices(segment, sounds, n)
        labels += f"[p{n}]" + "".join(f"[q{n}_{m}]" for m in range(len(sounds)))
    outs = "".join(f"[j{m}]" for m in range(len(sounds)))
    concat = f"{labels}concat=n={len(scene.segments)}:v=1:a={len(sounds)}[joined]{outs}"
    return ";".join([*chains, concat, f"[joined]{STAMPED}[jv]"])


def _picture(scene: Scene, segment: Segment, number: int) -> list[str]:
    """[i:n] … -> [p<number>]: the layers on the canvas.

    overlay takes its times from what is below, so the layer of most frames has to be there: where that is not the lowest
    one, a copy of it gives the times and is covered. What ends early stays as it is; nothing ever waits in memory.
    """
    layers = segment.layers
    leader = max(range(len(layers)), key=lambda m: layers[m].track.fps)
    chains, tops = [], []
    for m, layer in enumerate(layers):
        prepared = f"[{layer.input}:{layer.track.index}]{_prepared(layer, scene.rate)}"
        if m != leader:
            chains.append(f"{prepared}[l{number}_{m}]")
        elif m == 0:
            chains.append(f"{prepared}{_padded(layer.box, scene)}[b{number}]")
            continue
        else:
            chains.append(
                f"{prepared},split[c{number}][l{number}_{m}];[c{number}]null{_padded(layer.box, scene)}[b{number}]"
            )
        tops.append(f"[l{number}_{m}]overlay=x={layer.box.x_px}:y={layer.box.y_px}")
    if segment.is_recording and scene.stamp:
        tops.append(f"[w{number}]overlay={_corner(scene.stamp)}")
    below = f"[b{number}]"
    for m, top in enumerate(tops):
        chains.append(f"{below}{top}[o{number}_{m}]")
        below = f"[o{number}_{m}]"
    return [*chains, f"{below}format=yuv420p,setsar=1[p{number}]"]


def _prepared(layer: Layer, rate: Fraction) -> str:
    """Progressive, not too many frames, the box's size in square pixels, SDR colours of BT.709."""
    track, box = layer.track, layer.box
    filters = deinterlaced(track)
    filters += thinned(rate) if track.base_fps > 1.5 * rate else []
    filters += converted(track, box.width_px, box.height_px)
    return ",".join([*filters, "setsar=1"])


def _padded(box: Box, scene: Scene) -> str:
    """Black around a picture that does not fill the canvas."""
    if (box.width_px, box.height_px) == (scene.width_px, scene.height_px):
        return ""
    return f",pad={scene.width_px}:{scene.height_px}:{box.x_px}:{box.y_px}"


def _stamps(scene: Scene) -> list[str]:
    """One copy of the watermark for each segment of the recording: [w1] [w2] …"""
    if not scene.stamp:
        return []
    stamp = scene.stamp
    numbers = [n for n, segment in enumerate(scene.segments) if segment.is_recording]
    width, height = stamp.width_px, stamp.height_px
    size = f"scale=w='max(1,min({width},{height}*a))':h='max(1,min({height},{width}/a))'"  # a line stays one pixel wide
    faded = f"format=rgba,colorchannelmixer=aa={stamp.opacity:g}"
    coloured = "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_inp,format=yuva420p"
    outs = "".join(f"[w{n}]" for n in numbers)
    return [f"[{stamp.input}:0]{size},{faded},{coloured},split={len(numbers)}{outs}"]


def _corner(stamp: Stamp) -> str:
    margin = stamp.margin_px
    x = f"{margin}" if stamp.corner.endswith("left") else f"W-w-{margin}"
    y = f"{margin}" if stamp.corner.startswith("top") else f"H-h-{margin}"
    return f"x={x}:y={y}"


def _voices(segment: Segment, sounds: Sequence[Sound], number: int) -> list[str]:
    """[i:n] or nothing -> [q<number>_0] [q<number>_1] …: all of one rate and layout."""
    chains = []
    for m, (sound, voice) in enumerate(zip(sounds, segment.voices, strict=True)):
        rate, layout = sound.sample_rate_hz, sound.layout
        if voice is None:
            chains.append(f"anullsrc=r={rate}:cl={layout}:d={segment.duration_s:.3f}[q{number}_{m}]")
            continue
        form = f"aformat=sample_rates={rate}:channel_layouts={layout}"
        chain = f"{heard(voice.input, voice.track)},{form}{level(voice.gain_db)}"
        chains.append(f"{chain}[q{number}_{m}]")
    return chains
