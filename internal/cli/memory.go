package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// leastPercent is how much garbage there may be, of what is in use, before it is collected.
const leastPercent = 50

// limitMemory keeps the memory of large clusters small: garbage is collected at half of what is in use, not at
// as much again, which costs a few percent of time. The environment may say otherwise, as for any program in Go.
func limitMemory() {
	if !ownPace() {
		debug.SetGCPercent(leastPercent)
	}
}

// ownPace reports whether the environment says when garbage is collected.
func ownPace() bool {
	_, set := os.LookupEnv("GOGC")
	return set
}

// allowHeap lets the heap grow to so many bytes before garbage is collected at half of what is in use: for what makes a
// lot of garbage and keeps little, half of a little is again and again.
func allowHeap(bytes uint64) {
	if ownPace() {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var collected func(*[1]*byte)
	collected = func(cycle *[1]*byte) {
		metrics.Read(live)
		debug.SetGCPercent(percentFor(live[0].Value.Uint64(), bytes))
		runtime.SetFinalizer(cycle, collected) // runs once for each collection
	}
	collected(new([1]*byte))
}

// percentFor is how much of what is in use makes so many bytes of it, but not less than always.
func percentFor(live, bytes uint64) int {
	if live = max(live, 1<<20); bytes <= live {
		return leastPercent
	}
	return max(leastPercent, int(100*(bytes-live)/live))
}
