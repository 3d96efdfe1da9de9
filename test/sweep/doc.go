// Package sweep breaks every request that the plugin makes in every way there is, one at a time,
// and proves that what was not seen is never called fine.
//
// A proxy stands between the plugin and a real API server. A first run of each command records its
// requests; then each command runs again for each request and each fault. SWEEP=all runs all of
// them, SWEEP='why -A: GET /metrics' those whose name has this text in it; without it a fixed sample
// runs in which every request and every fault occurs.
//
// Beside the sweep the package has what a proxy cannot do: kubelets that hang, API servers that
// restart, credential plugins that never answer, Ctrl-C, closed pipes, full disks, hostile text.
package sweep
