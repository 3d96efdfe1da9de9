//go:build linux

package main

import (
	"context"
	"os"
)

// start compares what has to be paid before anything is asked.
func (b *bench) start(ctx context.Context) error {
	u, err := b.commands(ctx, 6*b.sizes.repeat, "/nonexistent",
		[]string{b.plugin, "version"}, []string{b.kubectl, "version", "--client"})
	if err != nil {
		return err
	}
	ours, other := u[0], u[1]
	b.table.atMost("`version` and `kubectl version --client`: time", seconds(ours.Wall), seconds(other.Wall), ours.Wall.Seconds()/other.Wall.Seconds(), 0.5)
	b.table.atMost("the same: memory", megabytes(ours.mb()), megabytes(other.mb()), ours.mb()/other.mb(), 1)
	mine, err := os.Stat(b.plugin)
	if err != nil {
		return err
	}
	theirs, err := os.Stat(b.kubectl)
	if err != nil {
		return err
	}
	const mb = 1e6
	b.table.atMost("stripped binary, linux/amd64", megabytes(float64(mine.Size())/mb), megabytes(float64(theirs.Size())/mb),
		float64(mine.Size())/float64(theirs.Size()), 1)
	return nil
}
