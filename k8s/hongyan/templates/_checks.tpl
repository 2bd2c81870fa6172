{{/* What the schema cannot say, all of it at once, by the names of the values. */}}
{{- define "hongyan.check" -}}
{{- $wrong := list }}
{{- if not (include "hongyan.trustDomain" .) }}
{{- $wrong = append $wrong "settings.identity.trust_domain must be set: the SPIFFE trust domain of the mesh and its callers" }}
{{- end }}
{{- if not .Values.settings.redis.url }}
{{- $wrong = append $wrong "settings.redis.url must be set, such as redis://redis.data:6379" }}
{{- end }}
{{- if and .Values.verify.enabled (not .Values.verify.upstreams) }}
{{- $wrong = append $wrong "verify.upstreams must name at least one identity upstream (or set verify.enabled to false)" }}
{{- end }}
{{- $names := list }}
{{- range $index, $upstream := .Values.verify.upstreams }}
{{- if has $upstream.name $names }}
{{- $wrong = append $wrong (printf "verify.upstreams[%d].name: %s is taken by another upstream" $index $upstream.name) }}
{{- end }}
{{- $names = append $names $upstream.name }}
{{- if and $.Values.redis.ca (not $upstream.ca) (not (hasPrefix "http://" $upstream.url)) }}
{{- $wrong = append $wrong (printf "verify.upstreams[%d].ca must be set: redis.ca takes the place of the public authorities in every pod" $index) }}
{{- end }}
{{- end }}
{{- if and .Values.uplinkRouter.enabled (not .Values.dispatch.enabled) }}
{{- $wrong = append $wrong "uplinkRouter.enabled needs dispatch.enabled: replies leave by dispatch" }}
{{- end }}
{{- $gateways := list }}
{{- $ports := list (include "hongyan.grpcPort" .) (include "hongyan.adminPort" .) }}
{{- range $index, $gateway := .Values.carrierLink.gateways }}
{{- if has $gateway.name $gateways }}
{{- $wrong = append $wrong (printf "carrierLink.gateways[%d].name: %s is taken by another gateway" $index $gateway.name) }}
{{- end }}
{{- $gateways = append $gateways $gateway.name }}
{{- $port := toString (int64 $gateway.port) }}
{{- if has $port $ports }}
{{- $wrong = append $wrong (printf "carrierLink.gateways[%d].port: %s is taken" $index $port) }}
{{- end }}
{{- $ports = append $ports $port }}
{{- end }}
{{- if and (eq .Values.identity.source "csi") (not .Values.identity.csi.issuerName) }}
{{- $wrong = append $wrong "identity.csi.issuerName must be set: the cert-manager issuer of the mesh's certificates" }}
{{- end }}
{{- if and (eq .Values.identity.source "volume") (not .Values.identity.volume) }}
{{- $wrong = append $wrong "identity.volume must be set where identity.source is volume" }}
{{- end }}
{{- range $key, $component := include "hongyan.enabled" . | fromYaml }}
{{- $given := include "hongyan.givenSettings" (dict "root" $ "key" $key) | fromYaml }}
{{- if ge (int64 $given.drain.notice_ms) (int64 $given.drain.timeout_ms) }}
{{- $wrong = append $wrong (printf "%s: settings.drain.notice_ms must be shorter than settings.drain.timeout_ms" $key) }}
{{- end }}
{{- $grpc := default dict $given.grpc }}
{{- if gt (int64 (default 10000 $grpc.default_deadline_ms)) (int64 (default 60000 $grpc.max_deadline_ms)) }}
{{- $wrong = append $wrong (printf "%s: settings.grpc.default_deadline_ms must not be longer than settings.grpc.max_deadline_ms" $key) }}
{{- end }}
{{- $autoscaling := get (get $.Values $key) "autoscaling" }}
{{- if and $autoscaling (gt (int64 $autoscaling.minReplicas) (int64 $autoscaling.maxReplicas)) }}
{{- $wrong = append $wrong (printf "%s.autoscaling.minReplicas must not be above maxReplicas" $key) }}
{{- end }}
{{- end }}
{{- $wrong = concat $wrong (include "hongyan.catalogMistakes" . | fromYamlArray) }}
{{- if $wrong }}
{{- printf "\n\nThe values do not fit:\n  - %s\n" (join "\n  - " $wrong) | fail }}
{{- end }}
{{- end }}

{{/* Whether the catalog's files are YAML at all, and the links' secrets where they are mounted. The services check the rest. */}}
{{- define "hongyan.catalogMistakes" -}}
{{- $wrong := list }}
{{- if not .Values.catalog.existingConfigMap }}
{{- range $file := list "tenants" "links" "routes" "codes" }}
{{- $parsed := get $.Values.catalog $file | fromYaml }}
{{- if hasKey $parsed "Error" }}
{{- $wrong = append $wrong (printf "catalog.%s is not YAML: %s" $file (get $parsed "Error" | replace "\n" " ")) }}
{{- else if and (eq $file "links") $.Values.carrierLink.enabled }}
{{- range $link := default list (get $parsed "links") }}
{{- if not (hasPrefix "/run/hongyan/links/" (default "" $link.secret_file)) }}
{{- $wrong = append $wrong (printf "catalog.links: secret_file of %v must be /run/hongyan/links/<key of the Secret %s>" $link.name $.Values.carrierLink.secretName) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $wrong }}
{{- end }}

{{/* How many logins the carriers give us, over all links; 0 where the catalog is not among the values. */}}
{{- define "hongyan.logins" -}}
{{- $logins := 0 }}
{{- if not .Values.catalog.existingConfigMap }}
{{- range $link := default list (.Values.catalog.links | fromYaml).links }}
{{- $logins = add $logins (int64 (default 1 $link.connections)) }}
{{- end }}
{{- end }}
{{- $logins }}
{{- end }}
