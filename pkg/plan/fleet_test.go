package plan

import "testing"

// TestFleet: what is to be moved comes first, and a cluster that was not reached is unknown, never done.
func TestFleet(t *testing.T) {
	done := &Plan{Context: "done", Complete: true, Looked: 7}
	far := Unreachable("far", "https://far.example:6443", Unreached{Reason: "no route"}, "v1")
	some := &Plan{Context: "some", Complete: true, Rows: []Row{{Status: Blocked}}}
	most := &Plan{Context: "most", Complete: true, Rows: []Row{{Status: Ready}, {Status: Ask}}}
	f := NewFleet([]*Plan{done, far, some, most}, "v1")
	for i, want := range []string{"most", "some", "far", "done"} {
		if f.Clusters[i].Context != want || f.Items[i].Context != want {
			t.Errorf("row %d is of %s, want %s", i, f.Clusters[i].Context, want)
		}
	}
	if f.ExitCode != ExitToMove || f.Clusters[0].Ready != 1 || f.Clusters[2].Reached || f.Clusters[2].ExitCode != ExitUnknown {
		t.Errorf("%+v", f)
	}
	if f := NewFleet([]*Plan{done, far}, "v1"); f.ExitCode != ExitUnknown {
		t.Errorf("exit code %d", f.ExitCode)
	}
}
