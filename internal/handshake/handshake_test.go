//go:build linux

package handshake

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// killed is what a container that SIGKILL hits before one of its steps comes to.
const killed Step = "killed"

// start starts one side of the handshake; before its nth step, from 0 on, it is killed.
func start(t *testing.T, dir Dir, side Side, nth int) (step Step) {
	t.Helper()
	type kill struct{}
	defer func() {
		if r := recover(); r != nil {
			if _, ours := r.(kill); !ours {
				panic(r)
			}
			step = killed
		}
	}()
	steps := 0
	dir.before = func(string) {
		if steps == nth {
			panic(kill{})
		}
		steps++
	}
	if side == Native {
		step, err := dir.AsNative()
		if err != nil {
			t.Fatalf("native: %v", err)
		}
		return step
	}
	who, err := dir.AsOld(context.Background(), Grace{})
	if err != nil {
		t.Fatalf("old: %v", err)
	}
	if who == Old {
		return Run
	}
	return Exit
}

// folder is one in memory where there is such a place: thousands of syncs take a disk a minute.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "handshake-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

const (
	never    = -1
	allSteps = 6 // more than any start has
)

// kills calls test with every way to kill n starts, or not.
func kills(n int, test func(nth []int)) {
	nth := make([]int, n)
	var next func(i int)
	next = func(i int) {
		if i == n {
			test(nth)
			return
		}
		for nth[i] = never; nth[i] < allSteps; nth[i]++ {
			next(i + 1)
		}
	}
	next(0)
}

// TestKilledWithoutNative: a kubelet without native sidecars runs the native one until it has exited with 0, and then
// the old one, again and again. Whatever is killed when, the old one runs the sidecar; and once more in a new sandbox.
func TestKilledWithoutNative(t *testing.T) {
	kills(3, func(nth []int) {
		path := folder(t)
		for _, sandbox := range []string{"a", "b"} {
			dir := Dir{Path: path, Identity: sandbox}
			done := false
			for _, n := range []int{nth[0], nth[1], never} {
				if step := start(t, dir, Native, n); step == Exit {
					done = true
					break
				} else if step != killed {
					t.Fatalf("%v: the init container comes to %q", nth, step)
				}
			}
			if !done {
				t.Fatalf("%v: the init container never exits", nth)
			}
			for _, n := range []int{nth[2], nth[1], never} {
				if step := start(t, dir, Old, n); step != Run && step != killed {
					t.Fatalf("%v: the old one comes to %q", nth, step)
				}
			}
			if step := start(t, dir, Old, never); step != Run {
				t.Fatalf("%v: the old one comes to %q", nth, step)
			}
		}
	})
}

// TestKilledWithNative: a kubelet with native sidecars restarts the native one whenever it has exited. The old one
// comes at any time after the first start. Exactly one of them runs the sidecar, and it stays that one.
func TestKilledWithNative(t *testing.T) {
	for early := range 4 {
		kills(3, func(nth []int) {
			dir := Dir{Path: folder(t), Identity: "a"}
			ran := map[Side]bool{}
			old := func(n int) {
				if _, _, err := dir.readFirst(); err == nil && start(t, dir, Old, n) == Run {
					ran[Old] = true
				}
			}
			last := Step("")
			for i, n := range []int{nth[0], nth[1], never, never, never} {
				if last = start(t, dir, Native, n); last == Run {
					ran[Native] = true
				}
				if i >= early {
					old(nth[2])
					old(never)
				}
			}
			if len(ran) != 1 {
				t.Fatalf("early %d, %v: %v run the sidecar", early, nth, ran)
			}
			if want := map[bool]Step{true: Run, false: Idle}[ran[Native]]; last != want {
				t.Fatalf("early %d, %v: the native one comes to %q, want %q", early, nth, last, want)
			}
			if side, err := dir.Decided(); err != nil || !ran[side] {
				t.Fatalf("early %d, %v: the decision is %q, %v", early, nth, side, err)
			}
		})
	}
}

// TestKilledBeforeExit is the one kill that cannot be told from a restart.
func TestKilledBeforeExit(t *testing.T) {
	dir := Dir{Path: folder(t), Identity: "a"}
	start(t, dir, Native, never) // and is killed before it has exited
	if step := start(t, dir, Native, never); step != Run {
		t.Errorf("%q: the documentation says something else", step)
	}
}

// TestAtOnce: many starts of both at the same time come to one decision.
func TestAtOnce(t *testing.T) {
	for range 100 {
		dir := Dir{Path: folder(t), Identity: "a"}
		start(t, dir, Native, never)
		var wg sync.WaitGroup
		sides := make(chan Side, 16)
		for i := range cap(sides) {
			wg.Go(func() {
				if i%2 == 0 {
					if side, err := dir.AsOld(context.Background(), Grace{}); err == nil {
						sides <- side
					}
				} else if step, err := dir.AsNative(); err == nil {
					sides <- map[bool]Side{true: Native, false: Old}[step == Run]
				}
			})
		}
		wg.Wait()
		close(sides)
		seen, n := map[Side]bool{}, 0
		for side := range sides {
			seen[side] = true
			n++
		}
		if len(seen) != 1 || n != cap(sides) {
			t.Fatalf("%d of %d answered, with %v", n, cap(sides), seen)
		}
	}
}

// TestDecidedMeanwhile: one has seen that nothing is decided; when it is about to decide, the other has done so.
func TestDecidedMeanwhile(t *testing.T) {
	dir := Dir{Path: folder(t), Identity: "a"}
	start(t, dir, Native, never)
	late := dir
	late.before = func(step string) {
		if step == "link" {
			if step, err := dir.AsNative(); step != Run || err != nil {
				t.Errorf("%q, %v", step, err)
			}
		}
	}
	if side, err := late.AsOld(context.Background(), Grace{}); side != Native || err != nil {
		t.Errorf("both run the sidecar: %q, %v", side, err)
	}
}

// TestGrace: the old one gives the native one time, and asks who it is that has decided.
func TestGrace(t *testing.T) {
	dir := Dir{Path: folder(t), Identity: "a"}
	start(t, dir, Native, never)
	time.AfterFunc(100*time.Millisecond, func() { dir.AsNative() })
	if side, err := dir.AsOld(context.Background(), Grace{First: time.Minute}); side != Native || err != nil {
		t.Errorf("%q, %v", side, err)
	}
}

// TestKnownToBeNative: after a reboot kubelets may start the regular containers before the native one is back.
func TestKnownToBeNative(t *testing.T) {
	path := folder(t)
	before := Dir{Path: path, Identity: "a"}
	start(t, before, Native, never)
	if step := start(t, before, Native, never); step != Run {
		t.Fatal(step)
	}
	after := Dir{Path: path, Identity: "b"}
	start(t, after, Native, never)
	time.AfterFunc(100*time.Millisecond, func() { after.AsNative() })
	if side, err := after.AsOld(context.Background(), Grace{Known: time.Minute}); side != Native || err != nil {
		t.Errorf("%q, %v", side, err)
	}
	downgraded := Dir{Path: path, Identity: "c"}
	start(t, downgraded, Native, never)
	if side, err := downgraded.AsOld(context.Background(), Grace{Known: 50 * time.Millisecond}); side != Old || err != nil {
		t.Errorf("a kubelet that no longer runs native sidecars: %q, %v", side, err)
	}
}

func TestNothingThere(t *testing.T) {
	dir := Dir{Path: folder(t), Identity: "a"}
	if side, err := dir.AsOld(context.Background(), Grace{}); err == nil {
		t.Errorf("the old one decides %q where the native one never was", side)
	}
	if side, err := dir.Decided(); side != None || err != nil {
		t.Errorf("%q, %v", side, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := dir.AsOld(ctx, Grace{First: time.Minute}); err == nil {
		t.Error("it goes on waiting when told to stop")
	}
	sub := Dir{Path: filepath.Join(dir.Path, "sub"), Identity: "a"}
	if step := start(t, sub, Native, never); step != Exit {
		t.Errorf("in a folder of the volume: %q", step)
	}
	if info, err := os.Stat(sub.Path); err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("the other container may not be allowed to write: %v, %v", info, err)
	}
	missing := Dir{Path: filepath.Join(dir.Path, "no", "volume"), Identity: "a"}
	if _, err := missing.AsNative(); err == nil {
		t.Error("it takes a volume for there that is not")
	}
}

// TestTorn: what a crash of the node may leave is as good as nothing, and what is of another version is an error.
func TestTorn(t *testing.T) {
	for i, text := range []string{"", "sidecar-run 1\n", version + "\nx\n", version + "\n\na\n", version + "\n../x\na\n", "\x00\x00\x00\x00"} {
		dir := Dir{Path: folder(t), Identity: "a"}
		if err := os.WriteFile(filepath.Join(dir.Path, first), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if step := start(t, dir, Native, never); step != Exit {
			t.Errorf("%d: %q", i, step)
		}
		if step := start(t, dir, Native, never); step != Run {
			t.Errorf("%d: %q at the second start", i, step)
		}
	}
	dir := Dir{Path: folder(t), Identity: "a"}
	start(t, dir, Native, never)
	name, _, _ := dir.readFirst()
	if err := os.WriteFile(filepath.Join(dir.Path, "decision-"+name), []byte("sidecar-run 2\nold\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.AsNative(); err == nil {
		t.Error("it reads a decision of another version")
	}
}

func TestIdentity(t *testing.T) {
	if a, b := Identity(), Identity(); a != b {
		t.Errorf("%s is not %s", a, b)
	}
	id := fmt.Sprintf("%064x", 7)
	for line, want := range map[string]string{
		"1 2 8:1 /lib/containerd/io.containerd.grpc.v1.cri/sandboxes/" + id + "/resolv.conf /etc/resolv.conf rw - ext4 x rw\n":                       id,
		"1 2 8:1 /lib/containerd/io.containerd.grpc.v1.cri/sandboxes/" + id + "/hostname /etc/hostname rw - ext4 x rw\n":                             id,
		"1 2 8:1 /lib/containerd/io.containerd.grpc.v1.cri/sandboxes/" + id + "/shm /dev/shm rw - tmpfs x rw\n":                                      "",
		"1 2 8:1 /run/kata-containers/shared/containers/" + id + "-0123-resolv.conf /etc/resolv.conf rw - virtiofs x rw\n":                           "",
		"1 2 8:1 /lib/kubelet/pods/0/etc-hosts /etc/hosts rw - ext4 x rw\n1 2 8:1 /x/sandboxes/" + id + "/resolv.conf /etc/resolv.conf rw - x y z\n": id,
		"broken\n": "",
	} {
		if got := sandbox(line); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
