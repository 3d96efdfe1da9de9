//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A usage is what one process cost.
type usage struct {
	Wall      time.Duration `json:"wall"`
	CPU       time.Duration `json:"cpu"`
	MaxRSSKiB int64         `json:"maxRSSKiB"`
	Exit      int           `json:"exit"`
}

func (u usage) mb() float64 { return float64(u.MaxRSSKiB) / 1024 }

func (u usage) String() string {
	return fmt.Sprintf("%.2f s, %.2f s CPU, %.0f MB", u.Wall.Seconds(), u.CPU.Seconds(), u.mb())
}

// command runs a program on a cluster and returns what it cost, and its output if that is wanted.
func (b *bench) command(ctx context.Context, kubeconfig string, output *bytes.Buffer, args ...string) (usage, error) {
	result := filepath.Join(b.dir, "usage.json")
	cmd := exec.CommandContext(ctx, b.timed, append([]string{result}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "KUBECACHEDIR="+filepath.Join(b.dir, "cache"), "LC_ALL=C.UTF-8")
	var stderr bytes.Buffer
	if cmd.Stderr = &stderr; output != nil {
		cmd.Stdout = output
	}
	if err := cmd.Run(); err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, &stderr)
	}
	data, err := os.ReadFile(result)
	if err != nil {
		return usage{}, err
	}
	var u usage
	if err := json.Unmarshal(data, &u); err != nil {
		return usage{}, fmt.Errorf("%s: %w", result, err)
	}
	// 3 and 4 are answers of the plugin; 1 and 2 are not, nor is anything but 0 of kubectl.
	if u.Exit != 0 && u.Exit != 3 && u.Exit != 4 {
		return u, fmt.Errorf("%s: exit code %d\n%s", strings.Join(args, " "), u.Exit, &stderr)
	}
	say("%s: %v", strings.Join(append([]string{filepath.Base(args[0])}, args[1:min(len(args), 6)]...), " "), u)
	return u, nil
}

// commands runs several programs in turn, n times, and returns the median of each: what else the
// machine does then spoils both sides alike.
func (b *bench) commands(ctx context.Context, n int, kubeconfig string, programs ...[]string) ([]usage, error) {
	all := make([][]usage, len(programs))
	for range n {
		for i, args := range programs {
			u, err := b.command(ctx, kubeconfig, nil, args...)
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], u)
		}
	}
	var out []usage
	for _, runs := range all {
		out = append(out, median(runs))
	}
	return out, nil
}

// median is the middle of each figure; of memory it is the largest, which is what has to be there.
func median(runs []usage) usage {
	middle := func(by func(usage) int64) usage {
		sorted := slices.Clone(runs)
		slices.SortFunc(sorted, func(a, b usage) int { return cmp.Compare(by(a), by(b)) })
		return sorted[len(sorted)/2]
	}
	out := usage{
		Wall: middle(func(u usage) int64 { return int64(u.Wall) }).Wall,
		CPU:  middle(func(u usage) int64 { return int64(u.CPU) }).CPU,
	}
	for _, u := range runs {
		out.MaxRSSKiB = max(out.MaxRSSKiB, u.MaxRSSKiB)
	}
	return out
}

// duration is the median of n runs of a function in this process.
func duration(n int, do func() error) (time.Duration, error) {
	var all []time.Duration
	for range n {
		began := time.Now()
		if err := do(); err != nil {
			return 0, err
		}
		all = append(all, time.Since(began))
	}
	return middle(all), nil
}

func middle(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}
