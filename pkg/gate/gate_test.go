package gate

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/component-base/featuregate"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

func TestStateOf(t *testing.T) {
	yes, no := true, false
	metrics := func(b *bool) facts.FeatureReading {
		return facts.FeatureReading{Source: facts.SourceMetrics, Enabled: b}
	}
	flags := func(b *bool) facts.FeatureReading {
		return facts.FeatureReading{Source: facts.SourceFlags, Enabled: b}
	}
	probe := func(b *bool) facts.FeatureReading {
		return facts.FeatureReading{Source: facts.SourceProbe, Enabled: b}
	}
	type readings = []facts.FeatureReading
	for _, c := range []struct {
		version, emulation string
		readings           readings
		want               State
	}{
		// The version alone.
		{"v1.27.16", "", nil, Unsupported},
		{"v1.28.0", "", nil, Unknown},
		{"v1.29.0", "", nil, Unknown},
		{"v1.32.13", "", nil, Unknown},
		{"v1.33.0", "", nil, On},
		{"v1.40.1", "", nil, On},
		{"", "", nil, Unknown},
		{"v2.0.0", "", nil, Unknown},
		{"latest", "", nil, Unknown},
		// Suffixes of distributions, and release candidates.
		{"v1.27.9-eks-5e0fdde", "", nil, Unsupported},
		{"v1.33.0-eks-5e0fdde", "", nil, On},
		{"v1.33.0-rc.1", "", nil, On},
		{"v1.33.3-gke.1136000", "", nil, On},
		{"v1.32.2+k3s1", "", nil, Unknown},
		{"v1.27.4+3a2b1c", "", nil, Unsupported},
		// Emulation opens the lock, and only downwards.
		{"v1.35.1", "1.32", nil, Unknown},
		{"v1.35.1", "1.33", nil, On},
		{"v1.32.1", "1.33", nil, Unknown},
		{"v1.35.1", "kube=1.32,wardle=1.1", nil, Unknown},
		{"v1.35.1", "wardle=1.1", nil, On},
		{"v1.35.1", "1.32", readings{metrics(&no)}, Off},
		{"v1.35.1", "1.32", readings{metrics(&yes)}, On},
		// Readings.
		{"v1.28.15", "", readings{metrics(&no)}, Off},
		{"v1.28.15", "", readings{metrics(&yes)}, On},
		{"v1.31.0", "", readings{metrics(nil)}, Unknown},
		{"v1.37.0", "", readings{metrics(nil)}, On},
		{"v1.27.0", "", readings{metrics(nil)}, Unsupported},
		{"v1.27.0", "", readings{probe(&no)}, Unsupported},
		{"", "", readings{metrics(&yes)}, On},
		{"", "", readings{metrics(nil)}, Unknown},
		// The most direct one counts, whatever the order.
		{"v1.31.0", "", readings{flags(&yes), metrics(&no)}, Off},
		{"v1.31.0", "", readings{probe(&no), flags(&yes)}, On},
		{"v1.31.0", "", readings{metrics(nil), probe(&no)}, Off},
		// A probe sees the field go, which locked gates do not do.
		{"v1.34.0", "", readings{probe(&no)}, On},
		{"v1.34.0", "1.32", readings{probe(&no)}, Off},
	} {
		if got := StateOf(ParseVersion(c.version), ParseEmulation(c.emulation), c.readings...); got != c.want {
			t.Errorf("StateOf(%q, %q, %v) = %s, want %s", c.version, c.emulation, c.readings, got, c.want)
		}
	}
}

// realGate is SidecarContainers as Kubernetes registers it (pkg/features/kube_features.go), at a minor
// version, in the real implementation of feature gates.
func realGate(t *testing.T, minor int, flag string) (on bool, err error) {
	t.Helper()
	v := func(minor uint) *version.Version { return version.MajorMinor(1, minor) }
	gate := featuregate.NewVersionedFeatureGate(v(uint(minor)))
	err = gate.AddVersioned(map[featuregate.Feature]featuregate.VersionedSpecs{
		facts.SidecarContainers: {
			{Version: v(28), Default: false, PreRelease: featuregate.Alpha},
			{Version: v(29), Default: true, PreRelease: featuregate.Beta},
			{Version: v(33), Default: true, PreRelease: featuregate.GA, LockToDefault: true},
		},
		"NodeSwap": {{Version: v(22), Default: false, PreRelease: featuregate.Alpha}, {Version: v(28), Default: false, PreRelease: featuregate.Beta}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := gate.Set(flag); err != nil {
		return false, err
	}
	return gate.Enabled(facts.SidecarContainers), nil
}

var featureGateFlags = []string{
	"",
	"SidecarContainers=true", "SidecarContainers=false", "SidecarContainers=1", " SidecarContainers = f ",
	"AllAlpha=true", "AllAlpha=false", "AllBeta=true", "AllBeta=false", "AllAlpha=true,AllBeta=false",
	"AllBeta=false,SidecarContainers=true", "SidecarContainers=true,AllBeta=false", "AllAlpha=true,SidecarContainers=false",
	"NodeSwap=true", "NodeSwap=true,SidecarContainers=false", "SidecarContainers=true,SidecarContainers=false",
	"SidecarContainers", "SidecarContainers=perhaps", ",", "NodeSwap=true,",
}

// TestFlagReading compares with what component-base makes of the same flag.
func TestFlagReading(t *testing.T) {
	for minor := FirstMinor; minor <= LockedMinor; minor++ {
		for _, flag := range featureGateFlags {
			pod := facts.ControlPlanePod{Version: fmt.Sprintf("v1.%d.1", minor), FeatureGates: flag}
			got := StateOf(ParseVersion(pod.Version), nil, FlagReading(pod, ParseVersion(pod.Version)))
			on, err := realGate(t, minor, flag)
			want := map[bool]State{true: On, false: Off}[on]
			if err != nil {
				if minor == LockedMinor {
					continue // the component does not start
				}
				want = Unknown
			}
			if got != want {
				t.Errorf("1.%d --feature-gates=%q: %s, want %s (%v)", minor, flag, got, want, err)
			}
		}
	}
}

// TestWithGateOn: what the fix writes turns the gate on, and keeps the other gates.
func TestWithGateOn(t *testing.T) {
	for minor := FirstMinor; minor <= LockedMinor; minor++ {
		for _, flag := range featureGateFlags {
			fixed := FlagWithGateOn(flag, minor)
			if _, err := ParseFlag(flag); err != nil {
				continue
			}
			if on, err := realGate(t, minor, fixed); err != nil || !on {
				t.Errorf("1.%d: %q becomes %q, which does not turn the gate on (%v)", minor, flag, fixed, err)
			}
			settings, _ := ParseFlag(flag)
			kept, _ := ParseFlag(fixed)
			for _, name := range []string{"AllAlpha", "AllBeta", "NodeSwap"} {
				before, was := settings[name]
				if after, is := kept[name]; was != is || before != after {
					t.Errorf("1.%d: %q becomes %q: %s is not kept", minor, flag, fixed, name)
				}
			}
		}
	}
	for _, c := range []struct {
		flag  string
		minor int
		want  string
	}{
		{"", 28, "SidecarContainers=true"},
		{"", 31, ""},
		{"SidecarContainers=true", 36, ""},
		{"A=true,SidecarContainers=false", 30, "A=true"},
		{"kube:AllBeta=false", 32, "kube:AllBeta=false,kube:SidecarContainers=true"},
		{"wardle:X=true,kube:SidecarContainers=false", 32, "wardle:X=true"},
	} {
		if got := FlagWithGateOn(c.flag, c.minor); got != c.want {
			t.Errorf("FlagWithGateOn(%q, %d) = %q, want %q", c.flag, c.minor, got, c.want)
		}
	}
}
