package print

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// A scale maps the time of a picture to columns. What happens at the start of a pod takes seconds,
// what it then waits for may take days: where a linear scale would hide the one behind the other,
// it is logarithmic.
type scale struct {
	length time.Duration
	width  float64
	// unit is 0 for a linear scale; else the time at which a logarithmic one is no longer linear.
	unit time.Duration
}

// scaleOf chooses the scale for a picture.
func scaleOf(pic picture, width float64) scale {
	s := scale{length: pic.length, width: width}
	shortest := pic.length
	for _, l := range pic.lanes {
		for _, b := range l.bars {
			for _, d := range []time.Duration{b.from, b.to, b.to - b.from} {
				if d >= time.Second {
					shortest = min(shortest, d)
				}
			}
		}
	}
	if shortest > 0 && s.at(shortest) < 0.005*width {
		s.unit = shortest
	}
	return s
}

// at is the position of d, between 0 and width.
func (s scale) at(d time.Duration) float64 {
	if s.length <= 0 {
		return 0
	}
	part := float64(d) / float64(s.length)
	if s.unit > 0 {
		part = math.Log1p(float64(max(d, 0))/float64(s.unit)) / math.Log1p(float64(s.length)/float64(s.unit))
	}
	return min(max(part*s.width, 0), s.width)
}

const day = 24 * time.Hour

// steps are the times that people read off a scale without counting.
var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 2 * day, 5 * day, 10 * day, 20 * day, 50 * day, 100 * day, 200 * day, 500 * day,
}

// ticks are the marks of a scale whose labels do not touch, a letter being letter wide. The first
// is 0.
func (s scale) ticks(letter float64) []time.Duration {
	out := []time.Duration{0}
	room := func(last, next time.Duration) bool {
		return s.at(next)-s.at(last) >= float64(len(short(last))+2)*letter && s.width-s.at(next) >= float64(len(short(next))+1)*letter
	}
	if s.unit > 0 {
		for _, d := range steps {
			if d < s.length && room(out[len(out)-1], d) {
				out = append(out, d)
			}
		}
		return out
	}
	for _, step := range steps {
		out = out[:1]
		for d := step; d < s.length && room(out[len(out)-1], d); d += step {
			out = append(out, d)
		}
		if next := out[len(out)-1] + step; len(out) > 1 && (next >= s.length || s.width-s.at(next) < float64(len(short(next))+1)*letter) {
			return out
		}
	}
	return out[:1]
}

// short is a duration in at most two units: 45s, 1m30s, 2h5m, 3d4h.
func short(d time.Duration) string {
	d = d.Round(time.Second)
	units := []struct {
		size time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}
	var out strings.Builder
	for i, u := range units {
		n := d / u.size
		if n == 0 {
			continue
		}
		fmt.Fprintf(&out, "%d%s", n, u.name)
		if rest := d % u.size; i+1 < len(units) && rest >= units[i+1].size {
			fmt.Fprintf(&out, "%d%s", rest/units[i+1].size, units[i+1].name)
		}
		return out.String()
	}
	return "0s"
}
