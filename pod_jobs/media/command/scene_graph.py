"""The filters that put the picture of a scene together: inputs in, [jv] out. Pure."""

from collections.abc import Sequence
from fractions import Fraction

from pod_jobs.media.command import placing
from pod_jobs.media.command.colours import STAMPED, converted
from pod_jobs.media.command.graph import thinned, whole_frames
from pod_jobs.media.planning.scene import Box, Layer, Scene, Stamp


def scene_graph(scene: Scene) -> list[str]:
    """The chains from the inputs to [jv]: opening, recording and ending, each at its times, on the same canvas."""
    chains = _recorded(scene)
    labels = ["recorded"]
    for name, layer in (("opening", scene.opening), ("ending", scene.ending)):
        if layer:
            chains += _layer(layer, scene, name)
            chains.append(
                f"[{name}]{_until(layer.end_s)},{_padded(layer.box, scene)}format=yuv420p,setsar=1[{name}_canvas]"
            )
            labels.append(f"{name}_canvas")
    return [*chains, f"{_whole(labels)}{STAMPED}[jv]"]


def _whole(labels: Sequence[str]) -> str:
    heads = placing.joined(labels)
    return heads if heads.endswith("]") else heads + ","


def _recorded(scene: Scene) -> list[str]:
    """-> [recorded]: the layers of the recording and the watermark on the canvas.

    overlay takes its times from its lower input, so streamselect adds the times of the layer above to the lowest one. A layer
    that ends early keeps its last frame, and no frames pile up in memory.
    """
    lowest, *others = scene.recorded
    chains = [*_layer(lowest, scene, "layer_0")]
    below = "[layer_0]"
    end_s = lowest.end_s
    padded = f"{_padded(lowest.box, scene)}{_covered(lowest)}"
    for n, layer in enumerate(others, 1):
        chains += _layer(layer, scene, f"layer_{n}")
        chains.append(f"[layer_{n}]split[times_{n}][above_{n}]")
        chains.append(f"{below}[times_{n}]streamselect=inputs=2:map=0[below_{n}]")
        chains.append(f"[below_{n}]{padded}format=yuv420p[canvas_{n}]")
        seen = f":enable='not({_during(layer.hidden)})'" if layer.hidden else ""
        place = f"x={layer.box.x_px}:y={layer.box.y_px}"
        chains.append(f"[canvas_{n}][above_{n}]overlay={place}{seen}[over_{n}]")
        below, padded = f"[over_{n}]", ""
    if scene.stamp:
        chains += [_stamp(scene.stamp), f"{below}{padded}format=yuv420p[plain]"]
        below, padded = f"[plain][stamp]overlay={_corner(scene.stamp)}", ","
    return [*chains, f"{below}{padded}{_until(end_s)},format=yuv420p,setsar=1[recorded]"]


def _layer(layer: Layer, scene: Scene, name: str) -> list[str]:
    """-> [name]: one file's picture at its times, at its box's size; its first frame from the beginning, its last to the end."""
    chains: list[str] = []
    labels = []
    for n, clip in enumerate(layer.clips):
        assert clip.reading  # noqa: S101  (plan_scene gives each one)
        labels.append(f"{name}_{n}")
        begin = f"[{clip.input}:{layer.track.index}]{','.join(whole_frames(layer.track))}"
        chains += placing.kept(begin, clip.reading, labels[-1], layer.track.start_s)
    first = f"setpts='if(N,PTS,{layer.begin_s:.6f}/TB)'"
    filters = [*placing.upright(layer.track), first, *placing.reaching(layer.end_s)]
    return [*chains, f"{_whole(labels)}{','.join(filters)},{_prepared(layer, scene.rate)}[{name}]"]


def _until(end_s: float) -> str:
    """Leave out frames that were added only to keep other layers going."""
    return f"select='lt(t,{end_s - 1e-6:.6f})'"


def _covered(layer: Layer) -> str:
    """Black where the lowest layer has ended."""
    return f"drawbox=t=fill:c=black:enable='{_during(layer.hidden)}'," if layer.hidden else ""


def _during(times: Sequence[tuple[float, float]]) -> str:
    return "+".join(f"gte(t,{begin - 1e-6:.6f})*lt(t,{end - 1e-6:.6f})" for begin, end in times)


def _prepared(layer: Layer, rate: Fraction) -> str:
    """Not too many frames, the box's size in square pixels, SDR colours of BT.709."""
    filters = [*thinned(layer.track, rate), *converted(layer.track, layer.box.width_px, layer.box.height_px)]
    return ",".join([*filters, "setsar=1"])


def _padded(box: Box, scene: Scene) -> str:
    """Black around a picture that does not fill the canvas."""
    if (box.width_px, box.height_px) == (scene.width_px, scene.height_px):
        return ""
    return f"pad={scene.width_px}:{scene.height_px}:{box.x_px}:{box.y_px},"


def _stamp(stamp: Stamp) -> str:
    """-> [stamp]: the watermark, faded."""
    width, height = stamp.width_px, stamp.height_px
    size = f"scale=w='max(1,min({width},{height}*a))':h='max(1,min({height},{width}/a))'"  # a line stays one pixel wide
    faded = f"format=rgba,colorchannelmixer=aa={stamp.opacity:g}"
    coloured = "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_inp,format=yuva420p"
    return f"[{stamp.input}:0]{size},{faded},{coloured}[stamp]"


def _corner(stamp: Stamp) -> str:
    margin = stamp.margin_px
    x = f"{margin}" if stamp.corner.endswith("left") else f"W-w-{margin}"
    y = f"{margin}" if stamp.corner.startswith("top") else f"H-h-{margin}"
    return f"x={x}:y={y}"
