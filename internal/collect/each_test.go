package collect

import (
	"sync/atomic"
	"testing"
	"time"
)

func TestEach(t *testing.T) {
	var running, most, sum atomic.Int32
	each(3, 9, func(i int) {
		now := running.Add(1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		sum.Add(int32(i))
		time.Sleep(time.Millisecond)
		running.Add(-1)
	})
	if sum.Load() != 36 || most.Load() > 3 || running.Load() != 0 {
		t.Errorf("sum %d, %d at once, %d still running", sum.Load(), most.Load(), running.Load())
	}
}
