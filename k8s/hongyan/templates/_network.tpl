{{/* An egress rule to one host and port: exactly that address where it is one, any address where it is a name. */}}
{{- define "hongyan.egressTo" -}}
{{- if regexMatch "^[0-9]+(\\.[0-9]+){3}$" .host }}
- to:
    - ipBlock: {cidr: {{ .host }}/32}
  ports:
    - {protocol: TCP, port: {{ .port }}}
{{- else }}
- ports:
    - {protocol: TCP, port: {{ .port }}}
{{- end }}
{{- end }}

{{/* An egress rule to where a URL points. (dict "url" … "port" default) */}}
{{- define "hongyan.egressToUrl" -}}
{{- $host := (urlParse .url).host }}
{{- $port := .port }}
{{- $found := regexFind ":[0-9]+$" $host }}
{{- if $found }}
{{- $port = trimPrefix ":" $found }}
{{- $host = trimSuffix $found $host }}
{{- end }}
{{- include "hongyan.egressTo" (dict "host" $host "port" $port) }}
{{- end }}

{{- define "hongyan.egressRedis" -}}
{{- if .Values.networkPolicy.egress.redis }}
{{- toYaml .Values.networkPolicy.egress.redis }}
{{- else }}
{{- include "hongyan.egressToUrl" (dict "url" .Values.settings.redis.url "port" 6379) }}
{{- end }}
{{- end }}

{{- define "hongyan.egressTraces" -}}
{{- $endpoint := default "" (default dict .Values.settings.telemetry).otlp_endpoint }}
{{- if .Values.networkPolicy.egress.traces }}
{{- toYaml .Values.networkPolicy.egress.traces }}
{{- else if $endpoint }}
{{- include "hongyan.egressToUrl" (dict "url" $endpoint "port" 80) }}
{{- end }}
{{- end }}

{{- define "hongyan.egressUpstreams" -}}
{{- if .Values.networkPolicy.egress.upstreams }}
{{- toYaml .Values.networkPolicy.egress.upstreams }}
{{- else }}
{{- range .Values.verify.upstreams }}
{{- include "hongyan.egressToUrl" (dict "url" .url "port" (ternary 80 443 (hasPrefix "http://" .url))) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "hongyan.egressCarriers" -}}
{{- if .Values.networkPolicy.egress.carriers }}
{{- toYaml .Values.networkPolicy.egress.carriers }}
{{- else if not .Values.catalog.existingConfigMap }}
{{- range $link := default list (.Values.catalog.links | fromYaml).links }}
{{- include "hongyan.egressTo" (dict "host" (toString $link.host) "port" (int64 $link.port)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "hongyan.egressRecord" -}}
{{- if .Values.networkPolicy.egress.record }}
{{- toYaml .Values.networkPolicy.egress.record }}
{{- else }}
{{- $settings := default dict .Values.audit.settings }}
{{- range (default dict $settings.witness).list }}
{{- $url := last (splitList " " .) }}
{{- include "hongyan.egressToUrl" (dict "url" $url "port" (ternary 80 443 (hasPrefix "http://" $url))) }}
{{- end }}
{{- $tiles := default dict $settings.tiles }}
{{- if $tiles.url }}
{{- $url := default "https://s3.amazonaws.com" $tiles.endpoint }}
{{- include "hongyan.egressToUrl" (dict "url" $url "port" (ternary 80 443 (hasPrefix "http://" $url))) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "hongyan.egressHandlers" -}}
{{- if .Values.networkPolicy.egress.handlers }}
{{- toYaml .Values.networkPolicy.egress.handlers }}
{{- else if not .Values.catalog.existingConfigMap }}
{{- range $tenant := default list (.Values.catalog.tenants | fromYaml).tenants }}
{{- range $name, $handler := default dict $tenant.handlers }}
{{- include "hongyan.egressToUrl" (dict "url" (printf "tcp://%s" $handler.address) "port" 443) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* An ingress rule for peers; none at all where there are none, because a rule without peers admits everybody. */}}
{{- define "hongyan.ingressFrom" -}}
{{- if .peers }}
- from:
    {{- toYaml .peers | nindent 4 }}
  ports:
    - {protocol: TCP, port: {{ .port }}}
{{- end }}
{{- end }}

{{/* The port of the record's published logs, where audit.settings.tiles.listen says that they are served. */}}
{{- define "hongyan.logsPort" -}}
{{- $listen := dig "tiles" "listen" "" (default dict .Values.audit.settings) }}
{{- if $listen }}{{ last (splitList ":" $listen) }}{{ end }}
{{- end }}
