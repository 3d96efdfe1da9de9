package workload

import "testing"

func TestMeant(t *testing.T) {
	w := &Workload{Kind: "CronJob", Name: "report"}
	for name, want := range map[string]string{
		"proxy": "proxy", "cronjob/report/proxy": "proxy", "CronJob/report/proxy": "proxy", w.NameOf("proxy"): "proxy",
		"job/report/proxy": "", "cronjob/other/proxy": "", "report/proxy": "", "/proxy": "",
	} {
		if got := w.Meant(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
