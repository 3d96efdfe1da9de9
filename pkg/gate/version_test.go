package gate

import "testing"

// TestDecides: a version decides up to 1.27 and from 1.33 on, and then as StateOf says without a reading.
func TestDecides(t *testing.T) {
	for version, want := range map[string]State{
		"v1.27.16": Unsupported, "v1.28.0": Unknown, "v1.29.0-eks-5e0fdde": Unknown, "v1.30.4+k3s1": Unknown,
		"v1.31.0-gke.100": Unknown, "v1.32.99": Unknown, "v1.33.0": On, "1.36": On, "v1.33.0-alpha.1": On, " v1.33.0 ": On,
		"": Unknown, "kwok-v0.5.0": Unknown, "v2.1.0": Unknown, "v1.x": Unknown, "v0.0.0-master+$Format:%H$": Unknown,
	} {
		if got := StateOf(ParseVersion(version), nil); got != want {
			t.Errorf("%q: %s, want %s", version, got, want)
		}
		if got := Decides(version, ""); got != (want != Unknown) {
			t.Errorf("%q decides: %t, and the gate is %s", version, got, want)
		}
	}
	if Decides("v1.33.1", "1.32") || !Decides("v1.36.0", "1.34") || !Decides("v1.31.0", "1.27") {
		t.Error("the emulated version is what decides")
	}
}
