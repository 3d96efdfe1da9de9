package collect

import "golang.org/x/sync/errgroup"

// each calls do for 0, 1, ... count-1, for at most atOnce of them at the same time, and returns when all are done.
func each(atOnce, count int, do func(i int)) {
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range count {
		group.Go(func() error {
			do(i)
			return nil
		})
	}
	_ = group.Wait() // do has no error: what fails is a gap
}
