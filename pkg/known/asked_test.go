package known

import "testing"

func TestAsked(t *testing.T) {
	istio, otel := *InjectorOf("istio-proxy"), *InjectorOf("otc-container")
	for _, test := range []struct {
		of           Injector
		key, value   string
		asked        string
		no, isNative bool
	}{
		{istio, "sidecar.istio.io/inject", "true", "sidecar.istio.io/inject: true", false, false},
		{istio, "sidecar.istio.io/inject", "false", "", true, false},
		{istio, "sidecar.istio.io/nativeSidecar", "true", "", false, true},
		{istio, "app", "true", "", false, false},
		{otel, "sidecar.opentelemetry.io/inject", "mine", "sidecar.opentelemetry.io/inject: mine", false, false},
		{otel, "sidecar.opentelemetry.io/inject", "false", "", true, false},
	} {
		has := map[string]string{test.key: test.value}
		for _, in := range [][2]map[string]string{{has, nil}, {nil, has}} {
			p := test.of.Pods
			if got := p.Asked(in[0], in[1]); got != test.asked || p.Refused(in[0], in[1]) != test.no || p.IsNative(in[0], in[1]) != test.isNative {
				t.Errorf("%s %s: %s: asked by %q, refused %v, native %v", test.of.ID, test.key, test.value, got, p.Refused(in[0], in[1]), p.IsNative(in[0], in[1]))
			}
		}
	}
	if i := InjectorOf("web"); i != nil {
		t.Errorf("web is put there by %s", i.Software)
	}
}
